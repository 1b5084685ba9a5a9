//! The recipes of `deploy/recipes`, as they are given to operators: the real proxy with that very file, between a client, a
//! Keyward with its authz plane, and an upstream that records bytes. One suite runs through every proxy; where one differs by
//! its nature, `proxy::DIFFERENCES` says how and why. To add a case, add it to a module of the suite and to the list below.

#[cfg(test)]
mod ask;
#[cfg(test)]
mod away;
#[cfg(test)]
mod envoy;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod granted;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod open;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod traefik;
#[cfg(test)]
mod world;

#[cfg(test)]
macro_rules! through {
    ($module:ident, $proxy:ident, $($case:ident :: $test:ident),* $(,)?) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    if let Some(proxy) = crate::proxy::Proxy::$proxy.if_here() {
                        crate::$case::$test(proxy).await;
                    }
                }
            )*
        }
    };
}

#[cfg(test)]
macro_rules! suite {
    ($($module:ident = $proxy:ident),* $(,)?) => {
        $(
            through!(
                $module, $proxy,
                granted::a_granted_request_goes_on_unchanged_and_names_the_caller,
                granted::a_body_streams_while_it_comes,
                granted::l8_what_remains_is_told_on_success_once,
                refused::every_refusal_has_its_true_status_fields_and_document,
                refused::l8_over_the_limit_is_429_with_its_fields,
                refused::s8_what_cannot_be_counted_is_503,
                refused::d3_many_fields_pass_or_are_too_many_and_never_a_fault,
                refused::f8_a_refused_body_is_never_read_as_a_request,
                forged::h1_h2_h3_h7_only_one_plain_key_in_its_field_is_a_key,
                forged::h4_the_upstream_gets_one_value_of_each_identity_field_and_it_is_ours,
                forged::h7_no_key_and_no_caller_stands_in_a_trailer,
                forged::h6_connection_takes_nothing_away,
                http2::over_http2_a_granted_request_goes_on_and_the_client_is_told,
                http2::over_http2_a_refusal_has_its_true_status_and_document,
                http2::p_rows_over_http2_what_can_be_read_in_two_ways_is_refused,
                http2::h9_over_http2_what_is_malformed_smuggles_nothing,
                http2::m2_over_http2_a_preflight_carries_nothing,
                origin::i1_only_the_proxys_peer_counts,
                open::m1_m9_pages_of_a_listed_origin_are_answered_by_keyward,
                open::m2_a_preflight_that_goes_on_carries_nothing,
                open::m3_only_the_exact_method_options_is_exempt,
                open::m4_no_field_turns_another_method_into_options,
                open::m5_nothing_but_the_public_path_is_public,
                open::m6_m7_the_public_path_passes_whatever_key_comes_with_it,
                paths::p1_to_p9_what_can_be_read_in_two_ways_is_refused,
                paths::p6_p7_no_other_spelling_of_a_site_or_a_route_is_taken_for_it,
                paths::p3_p6_p11_what_passes_goes_on_byte_for_byte,
                away::without_keyward_nobody_passes_and_it_comes_back_by_itself,
            );
        )*
    };
}

#[cfg(test)]
suite!(
    nginx = Nginx,
    envoy_grpc = EnvoyGrpc,
    envoy_http = EnvoyHttp,
    caddy = Caddy,
    haproxy = Haproxy,
);
