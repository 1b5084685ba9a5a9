//! The suite that every adapter must pass: what the port promises, as cases that know no database.
//!
//! An adapter's tests make a function that gives a fresh, empty store, and name it once:
//!
//! ```text
//! async fn fresh() -> keyward_store::conformance::Fresh { … }
//! keyward_store::store_conformance!(fresh);
//! ```
//!
//! Who adds a case adds a `pub async fn` to the module of its subject, its name to the list in [`store_conformance`],
//! and one to [`CASES`]; a test compares the three.
//!
//! [`store_conformance`]: crate::store_conformance

pub mod accounts;
pub mod audit;
pub mod changes;
pub mod credentials;
pub mod feed;
pub mod identities;
pub mod imports;
pub mod keys;
pub mod lists;
pub mod nodes;
pub mod once;
pub mod orders;
pub mod recent;
mod samples;
pub mod sessions;
pub mod sites;
pub mod upkeep;
pub mod usage;
pub mod users;
pub mod values;

use crate::Store;
use std::any::Any;
use std::sync::Arc;

/// How many cases there are, so that a run of none is seen.
pub const CASES: usize = 146;

/// A fresh, empty store, and what has to live as long as it.
pub struct Fresh {
    /// The store.
    pub store: Arc<dyn Store>,
    /// A temporary folder, a database that is dropped in the end, ….
    pub keep: Box<dyn Any + Send>,
}

/// Makes a test of every case. Takes the name of an `async fn() -> Fresh`.
///
/// With `one_after_another` in front it makes one test of all. It then takes the names of an `async fn() -> T` for what
/// the stores have in common, and of an `async fn(&T) -> Fresh`.
#[macro_export]
macro_rules! store_conformance {
    ($fresh:ident) => {
        $crate::store_conformance! { @cases each $fresh }
    };
    (one_after_another $common:ident $fresh:ident) => {
        $crate::store_conformance! { @cases (all $common) $fresh }
    };
    (@cases $how:tt $fresh:ident) => {
        $crate::store_conformance! { @$how $fresh
            accounts {
                credentials_of_a_user_who_has_none_are_empty
                what_concerns_signing_in_raises_no_revision
                a11_each_change_writes_its_event_and_none_that_fails
                r7_a_deleted_user_leaves_nothing_to_sign_in_with
                prune_drops_what_signing_in_has_left_behind
                c12_a_set_up_with_a_password_is_done_once_of_100_parallel_tries
            }
            audit {
                a11_an_event_is_read_as_it_was_written
                a11_an_event_of_no_change_raises_no_revision
                a11_every_change_writes_its_event
                a11_a_change_that_fails_leaves_no_event
                a11_a_change_whose_event_cannot_be_written_is_not_made
                a11_an_event_cannot_be_written_over
                events_are_filtered_by_each_field_and_by_all
                a_time_bounds_lines_whatever_their_ids_say
                lines_of_users_with_a_text_are_found_however_many_they_are
                events_are_paged_newest_first
                what_is_archived_is_removed_with_its_event_and_nothing_else_is
                of_several_nodes_that_are_there_one_archives
            }
            changes {
                an_empty_store_is_at_revision_0
                every_change_raises_the_revision_by_one
                what_is_no_change_raises_no_revision
                revisions_of_50_concurrent_writers_are_totally_ordered
                a_change_whose_caller_goes_away_holds_up_nobody
            }
            credentials {
                c3_a_new_password_ends_sessions_links_and_waiting_sign_ins
                a_second_factor_is_confirmed_as_it_was_remembered
                a_second_factor_is_removed_or_renewed_against_a_proof
                a_reset_second_factor_ends_the_sessions
                a_user_and_their_link_are_added_together_or_not_at_all
                a_new_link_takes_the_place_of_the_users_others
                a_link_is_redeemed_once_of_100_parallel_tries
                a_link_is_worth_nothing_from_its_expiry_on_or_without_a_valid_user
                a_link_of_a_user_with_a_second_factor_leads_to_a_waiting_sign_in
            }
            feed {
                an_empty_store_loads_as_nothing
                load_gives_all_users_all_sites_and_the_keys_that_are_not_deleted
                changes_since_gives_everything_after_a_revision
                each_change_has_a_mark_that_the_feed_after_it_names
                a_deleted_key_comes_as_deleted
                an_import_comes_whole
                an_imported_key_that_changes_comes_as_any_other
                load_is_of_one_instant_while_writers_go_on
                r4_a_replica_that_follows_ends_up_like_one_that_loads
            }
            identities {
                an_identity_stands_for_one_user_who_has_one_at_an_issuer
                of_100_parallel_first_sign_ins_one_binds_and_all_begin
                nothing_is_bound_before_the_second_factor
                a_binding_needs_the_credentials_that_were_proved_and_a_valid_user
                a_binding_takes_the_invitation_away_and_no_other_link
                a_redeemed_link_takes_identities_away
                identities_are_taken_away_with_what_was_begun_by_them
            }
            imports {
                an_import_is_one_change_with_progress
                nobody_sees_a_key_of_an_import_before_all_are_there
                changes_have_their_turn_between_the_portions_of_an_import
                of_an_import_that_fails_nothing_stays
                an_import_of_nothing_is_a_change_too
                an_import_with_a_fingerprint_twice_in_it_is_refused_at_its_row
                an_import_of_a_fingerprint_that_is_there_is_refused_at_its_row
                an_import_for_an_absent_owner_is_not_found
            }
            keys {
                a_new_key_is_found_as_it_was_inserted
                an_absent_key_is_none
                an_update_writes_what_may_change_and_nothing_else
                a9_an_update_of_a_stale_revision_is_a_conflict_and_changes_nothing
                an_update_of_an_absent_key_is_not_found
                a9_of_20_parallel_updates_one_wins_per_revision
                a_fingerprint_that_is_there_is_a_duplicate
                an_id_that_is_taken_is_a_conflict
                a_key_of_an_absent_owner_is_not_found
                a10_a_deleted_key_is_kept_and_can_be_restored
                a10_purge_removes_the_key_its_fingerprint_and_its_usage
                a10_a_purged_fingerprint_can_be_used_again
                a10_only_a_deleted_key_at_the_expected_revision_is_purged
                purgeable_keys_are_those_deleted_before_an_instant_oldest_first
            }
            lists {
                keys_are_listed_newest_first_without_deleted_ones
                keys_are_filtered_by_owner_and_use_case
                keys_are_filtered_by_state_with_expiry_read_off_the_instant
                keys_are_filtered_by_a_site_that_their_rule_names
                text_is_looked_for_in_name_description_and_hint_whatever_the_case
                neither_accents_nor_case_matter_to_a_search_of_keys_and_users
                p12_wildcards_and_quotes_in_a_text_are_literal
                all_filters_hold_together
                pages_visit_every_key_once_while_keys_are_added
            }
            once {
                a9_ten_parallel_creates_under_one_claim_make_one_key
                a_replay_tells_target_and_hash_of_the_first_request
                claims_of_different_actors_and_tokens_never_meet
                an_insert_that_fails_gives_its_claim_back
                c12_a_setup_token_is_redeemed_once_of_100_parallel_tries
                c12_a_setup_token_is_worth_nothing_from_its_expiry_on
                c12_a_setup_that_fails_leaves_the_token
            }
            orders {
                keys_are_ordered_by_creation
                keys_are_ordered_by_name_whatever_the_case
                keys_are_ordered_by_expiry_and_never_is_the_latest
                keys_are_ordered_by_last_use_and_never_is_the_earliest
                pages_by_offset_visit_every_key_once_in_every_order
                pages_by_cursor_go_both_ways_through_time
                an_offset_past_the_end_finds_nothing
                orders_keep_the_filters
                keys_are_counted_by_the_filters_alone
                a_text_finds_the_owners_address_only_when_asked_to
                keys_are_filtered_by_each_mark
                a_mark_holds_together_with_the_state
            }
            nodes {
                a_node_is_listed_as_it_told_of_itself_and_forgotten
                a_node_that_was_not_seen_for_a_day_is_forgotten
            }
            recent {
                addresses_of_a_key_are_read_latest_first
                an_address_is_kept_once_and_never_moves_back
                the_ten_latest_addresses_of_each_key_are_kept
                a10_addresses_go_with_their_key
            }
            sessions {
                a_session_is_found_by_its_token_with_its_user
                c3_a_session_begins_for_the_credentials_that_were_proved_and_a_valid_user
                c11_sessions_are_listed_touched_and_ended
                c11_all_sessions_but_one_end_in_one_change
                r7_c3_a_change_of_role_or_status_ends_what_was_begun
                a_waiting_sign_in_has_so_many_tries_of_100_parallel_ones
                a_proof_lets_one_of_100_parallel_sign_ins_in
                a_waiting_sign_in_is_completed_once_and_by_its_own_user
                the_20_latest_devices_of_a_user_are_known
            }
            sites {
                a_site_gets_a_number_of_its_own_and_is_listed_by_name
                a_site_is_renamed_and_closed_under_its_number
                a_site_name_that_is_there_is_a_duplicate
                an_update_of_a_site_needs_the_row_at_its_revision
            }
            upkeep {
                prune_drops_counts_past_their_keep
                prune_drops_what_has_gathered_in_pieces
                prune_drops_claims_after_24_hours
                prune_drops_setup_tokens_from_their_expiry_on
                a_store_in_use_is_sound
                a_backup_goes_to_a_new_file_only
                a_closed_store_says_that_it_cannot_answer
            }
            usage {
                counts_add_up_by_minute_hour_and_day_across_midnight
                counts_are_kept_by_outcome
                the_same_bucket_twice_in_a_batch_adds_up
                usage_is_read_from_an_instant_until_before_another
                l6_counts_do_not_wrap
                counts_of_absent_keys_are_dropped_and_the_others_kept
                last_use_never_moves_back
                last_uses_of_many_keys_are_read_at_once
                a_batch_that_is_sent_again_is_counted_once
            }
            users {
                a_new_user_is_found_as_it_was_inserted
                an_update_of_a_user_leaves_email_and_creation
                an_update_of_a_user_needs_the_row_at_its_revision
                of_two_administrators_who_go_at_once_one_stays
                an_email_is_unique_among_users_that_are_not_deleted
                users_are_listed_newest_first_by_text_and_page
                many_users_are_found_at_once
            }
            values {
                l6_limits_at_their_edges_are_kept
                i10_an_empty_rule_is_not_an_absent_one
                i7_a_thousand_addresses_and_sites_are_kept_in_order
                a7_texts_at_their_longest_are_kept_as_sent
                a7_texts_that_would_not_be_taken_today_are_read
                r9_instants_at_their_edges_are_kept
            }
        }
    };
    (@each $fresh:ident $($module:ident { $($case:ident)* })*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let fresh = super::$fresh().await;
                $crate::conformance::$module::$case(fresh.store.clone()).await;
                fresh.store.close().await;
                drop(fresh.keep);
            })*
        })*

        #[test]
        fn the_suite_runs_every_case() {
            let cases = [$($(stringify!($case)),*),*];
            assert!(!cases.is_empty());
            assert_eq!(cases.len(), $crate::conformance::CASES);
        }
    };
    (@(all $common:ident) $fresh:ident $($module:ident { $($case:ident)* })*) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn the_suite_holds_in_every_case() {
            let common = $common().await;
            let mut run = $crate::conformance::Run::default();
            $($(
                let fresh = $fresh(&common).await;
                let case = $crate::conformance::$module::$case(fresh.store.clone());
                run.case(stringify!($module::$case), fresh, case).await;
            )*)*
            run.finish();
        }
    };
}

/// A run of all cases in one test, for an adapter whose fresh stores have something in common that takes long to make.
#[derive(Default)]
pub struct Run {
    ran: usize,
    failed: Vec<&'static str>,
}

impl Run {
    /// Runs one case; what is wrong with it is told at once, and does not keep the others from running.
    pub async fn case(
        &mut self,
        name: &'static str,
        fresh: Fresh,
        case: impl Future<Output = ()> + Send + 'static,
    ) {
        self.ran += 1;
        if tokio::spawn(case).await.is_err() {
            eprintln!("the case that has just failed: {name}");
            self.failed.push(name);
        }
        fresh.store.close().await;
        drop(fresh.keep);
    }

    /// Fails unless every case was run, and held.
    pub fn finish(self) {
        assert_eq!(self.ran, CASES);
        assert!(self.failed.is_empty(), "failed: {:#?}", self.failed);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_that_is_written_is_counted() {
        let sources = [
            include_str!("conformance/accounts.rs"),
            include_str!("conformance/audit.rs"),
            include_str!("conformance/changes.rs"),
            include_str!("conformance/credentials.rs"),
            include_str!("conformance/feed.rs"),
            include_str!("conformance/identities.rs"),
            include_str!("conformance/imports.rs"),
            include_str!("conformance/keys.rs"),
            include_str!("conformance/lists.rs"),
            include_str!("conformance/nodes.rs"),
            include_str!("conformance/once.rs"),
            include_str!("conformance/orders.rs"),
            include_str!("conformance/recent.rs"),
            include_str!("conformance/sessions.rs"),
            include_str!("conformance/sites.rs"),
            include_str!("conformance/upkeep.rs"),
            include_str!("conformance/usage.rs"),
            include_str!("conformance/users.rs"),
            include_str!("conformance/values.rs"),
        ];
        let written: usize = sources
            .map(|source| source.matches("\npub async fn ").count())
            .iter()
            .sum();
        assert_eq!(written, super::CASES);
    }
}
