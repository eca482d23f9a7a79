#!/usr/bin/env bash
# A partner's nightly pull: everything at first, then what changed, deletions included. Each call makes one folder with a CSV
# per query. It may be run twice, or not at all for a night, and stopped anywhere: what has not arrived is fetched first.
#
#   AQUIFER_URL=http://127.0.0.1:8400 AQUIFER_CLIENT_ID=… AQUIFER_CLIENT_SECRET=… examples/nightly.sh FOLDER
#
# Needs curl and jq. The queries are below; PARTNER and PROJECT name the session, POLL_SECONDS how often to look.
set -euo pipefail

folder=${1:?a folder for the files}
partner=${PARTNER:-acme} project=${PROJECT:-nightly}
session="/v1/batch-query/sessions/$partner/$project"

job=$(jq -n --arg partner "$partner" --arg project "$project" '{
    version: "1.1", format: "csv", useQueryLabels: true, dateTimeUtc: true, $partner, $project,
    queries: [
        {name: "Account", query: "select Id, Name, Balance, UpdatedDate from Account"},
        {name: "Contact", query: "select Id, AccountId, FirstName, LastName, UpdatedDate from Contact"}
    ] | map(. + {type: "zoqlexport", deleted: {column: "Deleted", format: "Boolean"}})
}')

call() { # call METHOD PATH [CURL OPTION...]: the answer; an answer that is no success ends everything
    local method=$1 path=$2
    shift 2
    curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
        --user "$AQUIFER_CLIENT_ID:$AQUIFER_CLIENT_SECRET" --request "$method" "$@" "$AQUIFER_URL$path"
}

finish() { # finish JOB: waits until it has ended, and shows it; one that failed ends everything
    local status
    until status=$(call GET "/v1/batch-query/jobs/$1") && jq --exit-status .terminal <<<"$status" >/dev/null; do
        sleep "${POLL_SECONDS:-5}"
    done
    if [ "$(jq -r .status <<<"$status")" != completed ]; then
        jq -r '"job \(.id) is \(.status): \(.message // "")", (.batches[] | select(.message != "") | .message)' <<<"$status" >&2
        return 1
    fi
    echo "$status"
}

fetch() { # fetch STATUS FOLDER: the files of a job, in place only when all of them are there
    local partial="$2.partial" name file
    rm -rf "$partial" && mkdir -p "$partial" &&
        jq -r '.batches[] | .name as $name | (.segments // [.fileId])[] | "\($name) \(.)"' <<<"$1" |
        while read -r name file; do
            call GET "/v1/files/$file" --output "$partial/$name-$file.csv" || exit 1
        done &&
        mv "$partial" "$2"
}

take() { # take INCREMENT JOB: fetches, then says that it has arrived
    local target status
    target=$(printf '%s/%05d' "$folder" "$1")
    if [ ! -e "$target" ]; then
        status=$(finish "$2") && fetch "$status" "$target" || return 1
    fi
    call POST "$session/increments/$1/ack" >/dev/null || return 1
    echo "increment $1: $target" >&2
}

increments() { # the session's increments that have not been acknowledged: number and job; before the first there is no session
    { call GET "$session" 2>/dev/null || true; } | jq -r '.increments[]? | select(.acknowledgedAt == null) | "\(.number) \(.jobId)"'
}

mkdir -p "$folder"
# What an earlier night left behind. If its files are gone, its windows are read once more.
increments | while read -r number done_by; do
    take "$number" "$done_by" || take "$number" "$(call POST "$session/increments/$number/replay" | jq -r .id)"
done

submitted=$(call POST /v1/batch-query --header 'Content-Type: application/json' --data "$job")
jq -r '.warnings[]?' <<<"$submitted" >&2
id=$(jq -r '.id // empty' <<<"$submitted")
if [ -z "$id" ]; then
    jq -r '"refused: \(.errorCode) \(.message)"' <<<"$submitted" >&2
    exit 1
fi
finish "$id" >/dev/null
increments | while read -r number done_by; do take "$number" "$done_by"; done
