"""What a user of simple-zuora-client writes: the files of some queries, at the end of what it prints itself."""

import json
import sys

# Of tap-zuora's, which is installed beside it: with it, requests raises another error than this client awaits.
sys.modules["simplejson"] = None

from simple_zuora_client import ZuoraClient

client_id, client_secret, *queries = sys.argv[1:]
with ZuoraClient("https://rest.zuora.com", client_id, client_secret) as client:
    print(json.dumps([result.raw_data.decode() for result in client.run_export_queries(queries)]))
