"""The functions AWS Lambda runs: three fed from queues, one by EventBridge Scheduler.

In their zip are the kernel, the contracts, this service and requirements/lambda.txt: nothing here may import the web
framework, the server or Cedar.
"""
