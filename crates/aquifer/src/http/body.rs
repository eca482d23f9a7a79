//! Bodies of requests: as long as they may be, and as slow.

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use jiff::SignedDuration;

use crate::{app::App, aqua::Error};

/// The time in which a request must be answered, and so must have arrived, in the original.
const PATIENCE: SignedDuration = SignedDuration::from_secs(120);

/// Reads a body of at most so many bytes. It is unpacked by now, so that this bounds what a small one may unpack to; and what
/// is dropped in the middle is not unpacked to its end.
pub async fn read(app: &App, body: Body, most: usize) -> Result<Bytes, Error> {
    let deadline = app.clock.now() + PATIENCE;
    tokio::select! {
        read = to_bytes(body, most) => read.map_err(|error| Error::Malformed(error.to_string())),
        () = app.clock.sleep_until(deadline) => Err(Error::Malformed("the body did not arrive in time".to_owned())),
    }
}
