# make run        the whole pipeline on this machine: people, crops, emotions, a report
# make test       every test that this machine can run
# make lint       style, types and the rule of the house; mends what it can, but not in CI
# make checkov    security rules for Terraform
# make build      the Lambda functions' zips, the endpoint's model (MODEL=...) and the wheel, into build/
# make rehearse   the real Terraform on an emulated AWS: applied, used by a camera, destroyed; its
#                 dashboard drawn into build/dashboard.png
# make pictures   those of the docs, from real runs
# make bench      every figure beside its peers, and how cost grows, into docs/figures.md; some of
#                 them, only printed, with ONLY=nms,crops
# make backlog    the cloud function on a queue of 100,000 messages, its memory looked at
# make docs       pages of the library, into build/docs/
# make mutants    changes to the library that its tests do not notice (MODULE='keys events'); hours
# make fuzz       parsers of what comes from outside, by coverage (TARGET=events, MINUTES=10 for each)
# make test-wheel the wheel in clean environments, on the oldest and the newest Python
# make soak       the device's agent for 100,000 frames, while everything fails now and then
# make test-py37  the device's code on CPython 3.7, which a stock DeepLens has
# make test-mxnet models of SageMaker's against MXNet itself, which CPython 3.8 has at the newest
# make clean      remove what these made

PYTHON ?= python3
FACEPIPE_DATA ?= ../shared/data
PYTHON37 ?= python3.7
PYTHON38 ?= python3.8
SOURCE ?= demo
OUT ?= out
WORKERS ?= 4
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip install --quiet --disable-pip-version-check
LIBRARY := facepipe tests/facepipe
DEVICE_TESTS := facepipe facepipe_io/edge facepipe_io/settings.py facepipe_io/text.py tests/facepipe tests/facepipe_io/edge tests/test_deeplens_entry.py tests/test_outages.py

.PHONY: run test test-py37 test-mxnet test-wheel lint checkov build rehearse pictures docs bench backlog soak mutants fuzz clean

run: $(VENV)/installed-local
	$(BIN)/facepipe run $(SOURCE) --out $(OUT)

# Tests wait more than they compute: more workers than cores do no harm. Those of a file share what
# they set up, and stay together. The library's own cover it, and the others need not be traced.
test: $(VENV)/installed-test
	$(BIN)/python -m pytest --cov --numprocesses $(WORKERS) --dist loadfile $(LIBRARY)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder \
	  tests/rehearsal tests/terraform tests/test_outages.py README.md docs facepipe_io tests \
	  --ignore=tests/facepipe

# The laws are tried at length on the newest Python; here it is whether the code runs at all. The
# demo is for desks.
test-py37: .venv37/installed
	HYPOTHESIS_PROFILE=few .venv37/bin/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(DEVICE_TESTS) \
	  --ignore=tests/facepipe_io/edge/cameras/test_demo.py

# MXNet needs an old Python and an old NumPy: the tests run it as another program.
test-mxnet: $(VENV)/installed-test .venv-mxnet/installed
	FACEPIPE_MXNET=.venv-mxnet/bin/python $(BIN)/python -m pytest tests/mxnet

# Mends what it can at a desk; in CI, having to mend anything is a failure.
lint: $(VENV)/installed-test
	$(BIN)/ruff check $(if $(CI),,--fix) .
	$(BIN)/ruff format $(if $(CI),--check,) .
	$(BIN)/mypy
	$(BIN)/lint-imports

checkov: .venv-checkov/installed
	.venv-checkov/bin/checkov --quiet --compact --skip-download --framework terraform \
	  --directory terraform --skip-path terraform/tests

rehearse: $(VENV)/installed-test
	$(BIN)/python -m tests.rehearsal

build: $(VENV)/installed-local
	$(BIN)/python tools/build.py $(if $(MODEL),--model '$(MODEL)')

# Those of the docs, from real runs; the dashboard's takes a rehearsal by the clock, some minutes.
pictures: $(VENV)/installed-test
	$(BIN)/python tools/screenshots.py
	$(BIN)/facepipe cost --chart docs/images/cost.png
	$(BIN)/python -m benchmarks.fleet --charts docs/images
	$(BIN)/python -m tests.rehearsal.show docs/images/dashboard.png

bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks $(if $(ONLY),--only '$(ONLY)',--write docs)

docs: $(VENV)/installed-test
	$(BIN)/python tools/docs.py

test-wheel: $(VENV)/installed-test
	$(BIN)/python -m tests.wheel

mutants: .venv-mutants/installed
	.venv-mutants/bin/python tools/mutants.py $(MODULE)

fuzz: .venv-fuzz/installed
	.venv-fuzz/bin/python -m tests.fuzz $(TARGET) --minutes $(or $(MINUTES),10)

backlog: $(VENV)/installed-test
	$(BIN)/python -m benchmarks.backlog

# With YuNet where its model is at hand, else with OpenCV's own cascade, which takes longer.
soak: $(VENV)/installed-test
	$(BIN)/python -m tests.soak $(addprefix --model ,$(wildcard $(FACEPIPE_DATA)/models/face_detection_yunet_2023mar.onnx))

clean:
	rm -rf $(VENV) .venv37 .venv-mxnet .venv-mutants .venv-fuzz .venv-checkov $(OUT) build dist *.egg-info .coverage .hypothesis .*_cache

$(VENV)/installed-local: setup.cfg pyproject.toml | $(VENV)
	@echo "Installing facepipe and what the demo needs into $(VENV) ..."
	@$(BIN)/python $(PIP) --editable '.[headless,local]'
	@touch $@

$(VENV)/installed-test: setup.cfg pyproject.toml | $(VENV)
	@echo "Installing facepipe and its test tools into $(VENV) ..."
	@$(BIN)/python $(PIP) --editable '.[headless,local,aws,mqtt,greengrass2,device,test]'
	@touch $@ $(VENV)/installed-local

$(VENV)/installed-bench: $(VENV)/installed-test
	@echo "Installing the benchmarks' peers into $(VENV) ..."
	@$(BIN)/python $(PIP) --editable '.[bench]'
	@touch $@

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' || \
	  { echo "facepipe run needs Python 3.9 or newer; name one with: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "Python cannot make virtual environments here; run: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $@

.venv37/installed: setup.cfg pyproject.toml
	$(PYTHON37) -m venv .venv37
	.venv37/bin/python $(PIP) --upgrade pip
	.venv37/bin/python $(PIP) --editable '.[headless,aws,live,mqtt,neo]' \
	  'hypothesis[zoneinfo]' matplotlib 'moto[s3]' pytest pytest-timeout pytest-xdist scikit-image
	touch $@

.venv-mxnet/installed:
	$(PYTHON38) -m venv .venv-mxnet
	.venv-mxnet/bin/python $(PIP) --upgrade pip
	.venv-mxnet/bin/python $(PIP) mxnet==1.9.1 'numpy<1.24' onnx==1.17.0
	touch $@

.venv-mutants/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv-mutants
	.venv-mutants/bin/python $(PIP) --editable '.[headless,local]' \
	  'hypothesis>=6.79' mutmut==3.8.1 pytest pytest-timeout
	touch $@

.venv-fuzz/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python $(PIP) --editable '.[headless,local,aws,mqtt,device,test]' 'atheris>=3,<4'
	touch $@

# In an environment of its own, for it pins a hundred packages.
.venv-checkov/installed:
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/python $(PIP) 'checkov>=3.2,<4'
	touch $@
