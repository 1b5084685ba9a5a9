//! The data plane: path and header rules, reverse proxy
