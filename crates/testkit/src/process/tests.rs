use super::builder::merge;
use super::metrics::find_sum;

#[test]
fn configuration_is_merged_table_by_table() {
    let mut under: toml::Table = "[gateway]\na = 1\nb = [1]\n[gateway.timeouts]\nidle = \"1s\"\n"
        .parse()
        .unwrap();
    let over = "[gateway]\nb = [2, 3]\n[gateway.timeouts]\ndrain = \"2s\"\n[ops]\nx = true\n";
    merge(&mut under, over.parse().unwrap());
    let expected: toml::Table =
        "gateway = { a = 1, b = [2, 3], timeouts = { idle = \"1s\", drain = \"2s\" } }\nops = { x = true }\n"
            .parse()
            .unwrap();
    assert_eq!(under, expected);
}

#[test]
fn metrics_are_found_by_name_and_labels() {
    let text = "# HELP a_total text\n# TYPE a_total counter\na_total{x=\"1\",y=\"p q}\"} 3\n\
        a_total{x=\"2\",y=\"p q}\"} 4 1700000000\na_total_more 9\nb 1.5e3\n";
    assert_eq!(find_sum(text, "a_total"), Some(7.0));
    assert_eq!(find_sum(text, "a_total{y=\"p q}\",x=\"1\"}"), Some(3.0));
    assert_eq!(find_sum(text, "a_total{x=\"2\"}"), Some(4.0));
    assert_eq!(find_sum(text, "a_total{x=\"3\"}"), None);
    assert_eq!(find_sum(text, "b"), Some(1500.0));
    assert_eq!(find_sum(text, "c"), None);
}
