output "streams" {
  description = "Each camera's stream, by name."
  value       = { for camera, stream in aws_kinesis_video_stream.camera : camera => stream.name }
  depends_on  = [aws_iam_role_policy.video]
}
