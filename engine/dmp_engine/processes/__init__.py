"""Who runs the pipeline: a worker of the server, or one process for one job."""
