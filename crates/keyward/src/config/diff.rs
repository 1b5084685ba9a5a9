//! What differs between two configurations, and which of it a running Keyward can take.

use super::Checked;
use super::schema::Config;
use serde_json::Value;

/// Settings that a reload puts in force; all others need a restart.
const RELOADABLE: [&str; 11] = [
    "gateway.realm",
    "gateway.trusted_proxies",
    "gateway.trusted_proxy_may_be_client",
    "gateway.public_paths",
    "gateway.forward_key",
    "gateway.ietf_rate_limit_headers",
    "gateway.preflights_per_second",
    "gateway.cors",
    "gateway.swagger",
    "gateway.routes",
    "gateway.upstreams",
];

/// The settings that differ and need a restart, in the order of the file's sections.
pub(crate) fn needing_restart(old: &Config, new: &Config) -> Vec<String> {
    let mut keys = differing(old, new);
    keys.retain(|key| {
        !RELOADABLE.iter().any(|free| {
            key.strip_prefix(free)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    });
    keys
}

/// The files that were read at the start and hold something else now, whatever is said of where they are. Passwords are
/// read with each connection.
pub(crate) fn files_needing_restart(old: &Checked, new: &Checked) -> Vec<String> {
    let authorities = |checked: &Checked| checked.limits.as_ref().map(|options| options.authorities.clone());
    match authorities(old) == authorities(new) {
        true => Vec::new(),
        false => vec!["limits.ca_file".to_owned()],
    }
}

/// Every setting that differs.
pub(crate) fn differing(old: &Config, new: &Config) -> Vec<String> {
    let mut keys = Vec::new();
    let value = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    compare("", &value(old), &value(new), &mut keys);
    keys
}

fn compare(key: &str, old: &Value, new: &Value, keys: &mut Vec<String>) {
    let (Value::Object(old_fields), Value::Object(new_fields)) = (old, new) else {
        if old != new {
            keys.push(key.to_owned());
        }
        return;
    };
    let names: std::collections::BTreeSet<&String> = old_fields.keys().chain(new_fields.keys()).collect();
    for name in names {
        let inner = if key.is_empty() {
            name.clone()
        } else {
            format!("{key}.{name}")
        };
        let field = |fields: &serde_json::Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
        compare(&inner, &field(old_fields), &field(new_fields), keys);
    }
}
