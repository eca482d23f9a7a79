"""What a user of zuora-sdk writes. Its models refuse answers that are not of the documented types."""

import json
import sys
import time

from zuora_sdk import ApiException, CreateBatchQueryJobRequest, CreateBatchQueryRequest
from zuora_sdk.zuora_client import ZuoraClient, ZuoraEnvironment

client_id, client_secret, query = sys.argv[1:]
client = ZuoraClient(client_id, client_secret, ZuoraEnvironment.PROD)
client.initialize()
client.stop_auto_auth()
jobs = client.aggregate_queries_api()


def submit(text):
    query = CreateBatchQueryRequest(name="one", query=text, type="zoqlexport")
    return jobs.create_batch_query(
        CreateBatchQueryJobRequest(format="csv", version="1.1", name="sdk", use_query_labels=True, queries=[query])
    )


submitted = submit(query)
job = jobs.get_batch_query_job(submitted.id)
while job.status != "completed":
    time.sleep(1)
    job = jobs.get_batch_query_job(submitted.id)
refused = submit("select Nme from Account")
try:
    client.add_default_header("Authorization", "Bearer stale")
    jobs.get_batch_query_job(submitted.id)
    stale = None
except ApiException as error:
    stale = error.status
client.refresh_token()
print(json.dumps({
    "submitted": submitted.status,
    "records": job.batches[0].record_count,
    "file": client.files_api().get_files(job.batches[0].file_id).decode(),
    "ended": jobs.delete_batch_query_job(submitted.id).to_dict(),
    "refused": [refused.error_code, refused.id],
    "stale": stale,
}))
