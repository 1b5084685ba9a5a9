//! Reading the Prometheus text format.

use std::collections::BTreeMap;

/// The sum over all series with this name and at least these labels.
pub(super) fn find_sum(text: &str, wanted: &str) -> Option<f64> {
    let (name, labels) = parse_series(wanted).unwrap_or_else(|| panic!("no metric: {wanted}"));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let end = series_end(line)?;
        let (found, has) = parse_series(&line[..end])?;
        let fits = found == name && labels.iter().all(|(label, value)| has.get(label) == Some(value));
        let value = line[end..].split_whitespace().next()?;
        fits.then(|| {
            value
                .parse::<f64>()
                .unwrap_or_else(|e| panic!("metric line {line:?}: {e}"))
        })
    });
    values.reduce(|sum, value| sum + value)
}

fn series_end(line: &str) -> Option<usize> {
    let name_end = line.find(['{', ' '])?;
    if line[name_end..].starts_with(' ') {
        return Some(name_end);
    }
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in line.char_indices().skip_while(|(at, _)| *at < name_end) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn parse_series(series: &str) -> Option<(&str, BTreeMap<&str, &str>)> {
    let Some((name, rest)) = series.split_once('{') else {
        return Some((series, BTreeMap::new()));
    };
    let mut labels = BTreeMap::new();
    let mut rest = rest.strip_suffix('}')?;
    while let Some((label, after)) = rest.split_once("=\"") {
        let mut escaped = false;
        let end = after.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        labels.insert(label.trim_start_matches([',', ' ']), &after[..end]);
        rest = &after[end + 1..];
    }
    Some((name, labels))
}
