//! Mail servers that connect to us: SMTP and LMTP. A message is answered with 250 only after its commit.

pub mod smtp;
