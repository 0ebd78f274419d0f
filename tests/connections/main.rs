//! Where connections come from: TLS of a real server, and a real pooler before one.

mod addresses;
mod pooled;
mod pooled_reading;
mod pooled_services;
mod pooler;
mod scenery;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls;
