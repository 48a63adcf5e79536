-- What `facepipe run` left behind before it knew objects: a run, and a face's crop.
PRAGMA application_id = 1717658469;
BEGIN TRANSACTION;
CREATE TABLE emotions (
        s3key TEXT NOT NULL REFERENCES records ON DELETE CASCADE,
        type TEXT NOT NULL,
        confidence REAL NOT NULL,
        PRIMARY KEY (s3key, type)
    );
INSERT INTO "emotions" VALUES('faces/hall/2026/11/20/12/20261120T120000000Z-4f9c0a1b-1-0.jpg','HAPPY',97.5);
CREATE TABLE records (
        s3key TEXT PRIMARY KEY,
        run TEXT NOT NULL,
        camera TEXT NOT NULL,
        captured_at TEXT NOT NULL,
        dominant TEXT NOT NULL,
        face_count INTEGER NOT NULL
    );
INSERT INTO "records" VALUES('faces/hall/2026/11/20/12/20261120T120000000Z-4f9c0a1b-1-0.jpg','4f9c0a1b','hall','2026-11-20T12:00:00.000Z','HAPPY',1);
CREATE TABLE runs (
        run TEXT PRIMARY KEY,
        started_at TEXT NOT NULL,
        source TEXT NOT NULL,
        camera TEXT NOT NULL,
        live INTEGER NOT NULL,
        detector TEXT NOT NULL,
        scorer TEXT NOT NULL,
        limits TEXT NOT NULL,
        resend_seconds REAL NOT NULL,
        finished INTEGER NOT NULL,
        seconds REAL NOT NULL,
        recorded_seconds REAL NOT NULL,
        frames INTEGER NOT NULL,
        faces INTEGER NOT NULL,
        people INTEGER NOT NULL,
        crops INTEGER NOT NULL,
        bytes_sent INTEGER NOT NULL,
        frame_bytes REAL NOT NULL,
        lost INTEGER NOT NULL,
        problem TEXT NOT NULL
    );
INSERT INTO "runs" VALUES('4f9c0a1b','2026-11-20T12:00:00.000Z','hall.mp4','hall',0,'haar','smile','It knows little.',10.0,0,0.0,0.0,0,0,0,0,0,0.0,0,'');
CREATE INDEX records_by_camera ON records (camera, captured_at)
    ;
COMMIT;
