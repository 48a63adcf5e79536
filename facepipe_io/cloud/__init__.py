"""The cloud function: Rekognition scores crops in S3; DynamoDB and CloudWatch get the results."""
