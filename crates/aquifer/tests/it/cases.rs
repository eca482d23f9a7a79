//! A test for each scenario file. A file without a test fails one.

use std::collections::BTreeSet;

use crate::wire;

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                wire::run(concat!(stringify!($name), ".http")).await;
            }
        )*

        #[test]
        fn every_file_has_a_test() {
            let files: BTreeSet<String> = wire::files().into_iter().collect();
            let tests: BTreeSet<String> = [$(concat!(stringify!($name), ".http")),*].map(str::to_owned).into();
            assert_eq!(files, tests);
        }
    };
}

scenarios! {
    action
    authentication
    callout
    callout_ends
    coding
    columns
    currencies
    deleted
    deleted_gone
    describe
    download
    empty
    export_queue
    export_states
    export_whole
    filters
    formats
    given_up
    guard
    headers
    home_currency
    idempotency
    job
    leniency
    limits
    manifest
    methods
    names
    object_export
    owners
    pages
    partners
    queries
    query_time
    queue
    quirks
    refusals
    rights
    retention
    retention_forever
    routes
    secrets
    segmentation
    segments
    sessions
    sessions_aborted
    sessions_advance
    sessions_columns
    sessions_deleted
    sessions_delivered
    sessions_forgotten
    sessions_hold
    sessions_hold_queries
    sessions_increments
    sessions_list
    sessions_offset
    sessions_order
    sessions_pages
    sessions_refusals
    sessions_time
    sessions_time_eu
    sessions_time_zone
    snapshot
    split
    states
    throttle
    time_limit
    token
    too_large
    unavailable
    users
}
