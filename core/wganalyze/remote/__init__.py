"""Files and folders of stores that fsspec knows (s3://, gs://, az://, hf://), as paths."""
