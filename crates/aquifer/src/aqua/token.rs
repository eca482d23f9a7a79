//! The token route.

use serde::Serialize;
use utoipa::ToSchema;

/// An access token, and what goes with it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Granted {
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub access_token: String,
    #[schema(pattern = "^bearer$", example = "bearer")]
    pub token_type: &'static str,
    /// In seconds.
    #[schema(example = 3599)]
    pub expires_in: i64,
    pub scope: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub jti: String,
}
