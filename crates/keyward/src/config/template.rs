//! The file that `keyward init` writes: every setting with its default, commented.

/// The file.
pub(crate) const TEMPLATE: &str = include_str!("template.toml");
