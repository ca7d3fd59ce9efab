//! A loopback server that speaks the OpenAI-compatible protocol and misbehaves on order.
