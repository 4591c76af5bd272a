//! What every store must do: one suite, written against the port. A store takes part with a [`Place`].

#[path = "store/backlog.rs"]
mod backlog;
#[path = "store/cancelling.rs"]
mod cancelling;
#[path = "store/claiming.rs"]
mod claiming;
#[path = "store/consent.rs"]
mod consent;
#[path = "store/conversations.rs"]
mod conversations;
#[path = "store/documents.rs"]
mod documents;
#[path = "store/editing.rs"]
mod editing;
#[path = "store/events.rs"]
mod events;
#[path = "store/expanding.rs"]
mod expanding;
#[path = "store/exporting.rs"]
mod exporting;
#[path = "store/faults/mod.rs"]
mod faults;
#[path = "store/figures.rs"]
mod figures;
#[path = "store/fixtures.rs"]
mod fixtures;
#[path = "store/holding.rs"]
mod holding;
#[path = "store/lanes.rs"]
mod lanes;
#[path = "store/moving.rs"]
mod moving;
#[path = "store/news.rs"]
mod news;
#[path = "store/parts.rs"]
mod parts;
#[path = "store/people.rs"]
mod people;
#[path = "store/planning.rs"]
mod planning;
#[path = "store/pressing.rs"]
mod pressing;
#[path = "store/random_acts.rs"]
mod random_acts;
#[path = "store/recalling.rs"]
mod recalling;
#[path = "store/reloading.rs"]
mod reloading;
#[path = "store/restoring.rs"]
mod restoring;
#[path = "store/retrying.rs"]
mod retrying;
#[path = "store/schedules.rs"]
mod schedules;
#[path = "store/settling.rs"]
mod settling;
#[path = "store/spreading.rs"]
mod spreading;
#[path = "store/sqlite_file.rs"]
mod sqlite_file;
#[path = "store/standings.rs"]
mod standings;
#[path = "store/status.rs"]
mod status;
#[path = "store/trouble.rs"]
mod trouble;
#[path = "store/zones.rs"]
mod zones;

use std::sync::Arc;

use nudged::port::store::Store;

/// Where a store keeps its ledger: empty at first. Opened again after `close`, it finds what was there.
pub(crate) trait Place: Send + Sync {
    fn open(&self) -> Arc<dyn Store>;

    /// Another place of this kind, empty.
    fn another(&self) -> Box<dyn Place>;
}

/// Runs the whole suite against a store.
macro_rules! conformance {
    ($store:ident, $place:expr) => {
        mod $store {
            conformance!(@cases $place, planning, [
                a_plan_recorded_twice_changes_nothing,
                a_plan_needs_a_known_schedule,
                marks_are_saved_with_their_plan,
                a_wave_that_moves_takes_its_open_deliveries_along,
                a_tried_delivery_waits_at_least_as_long_as_before,
                a_plan_that_goes_on_withdraws_nothing,
                an_edit_withdraws_what_is_open,
                an_edit_leaves_what_has_ended,
                an_edit_there_and_back_still_delivers_once,
                what_was_sent_or_may_have_arrived_is_not_revived,
                a_claim_that_comes_back_follows_the_edit,
                a_claim_that_comes_back_is_sent_in_the_wave_that_took_the_place_of_its_own,
                a_wave_may_change_whom_it_speaks_to,
            ]);
            conformance!(@cases $place, consent, [
                who_says_stop_is_left_alone_until_they_say_start,
                a_topic_is_stopped_alone,
                nothing_is_stopped_by_a_guess,
                a_stop_that_is_told_late_does_not_undo_a_start,
                nobody_learns_by_a_guess_what_others_get,
                a_topic_is_stopped_by_who_got_something_about_it,
                a_stop_holds_what_is_in_hand,
                a_command_is_answered_once,
                what_was_said_last_counts,
                an_operator_speaks_for_others,
                in_a_chat_only_what_mentions_the_bot_is_said_to_it,
                a_reply_in_doubt_is_not_sent_again,
                a_reply_waits_as_long_as_it_is_told_to,
                a_clock_that_is_set_back_holds_no_reply_up,
                who_was_only_named_stays_stopped_once_they_are_met,
                what_is_skipped_says_so,
            ]);
            conformance!(@cases $place, pressing, [
                a_snooze_comes_again_for_that_one_and_speaks_of_the_same,
                a_press_told_again_changes_nothing_and_is_answered_the_same,
                done_ends_what_was_put_off,
                the_button_that_stops_is_a_stop,
                nobody_presses_for_somebody_else,
                what_was_not_sent_has_no_buttons,
                a_request_under_way_may_have_been_pressed,
                a_number_that_comes_again_is_not_taken_for_the_message,
                a_second_copy_has_buttons_too,
                a_stop_counts_where_it_was_pressed_though_its_message_is_not_known,
                what_an_older_client_submits_is_shown_in_the_message,
                a_press_shows_nothing_in_a_message_that_was_recalled,
                a_press_that_comes_to_be_shown_late_is_not_put_over_a_later_one,
                a_recall_takes_back_what_was_put_off_and_is_not_about_it,
                a_recall_takes_the_snoozed_copy_along,
                a_snooze_does_not_supersede_what_is_planned,
                what_is_taken_away_for_good_is_not_put_off,
                what_was_edited_since_is_known_to_be,
            ]);
            conformance!(@cases $place, editing, [
                a_changed_time_of_day_serves_nobody_twice,
                only_what_moved_is_replaced,
                who_was_not_served_yet_is_served_at_the_new_hour,
                doubt_counts_as_served,
                chains_of_edits_serve_once,
                a_date_taken_away_and_given_back_serves_once,
                planning_the_same_again_keeps_what_was_replaced,
                what_a_sender_holds_is_decided_at_the_claim,
            ]);
            conformance!(@cases $place, events, [
                an_event_speaks_to_those_who_are_there,
                whom_an_event_is_for_is_woken_when_their_zone_is_known,
                the_same_key_is_the_same_event,
                a_key_says_one_thing,
                nobody_listens_to_what_no_schedule_waits_for,
                data_names_people_among_the_allowed,
                a_person_is_welcomed_once_for_ever,
                teams_tells_one_install_in_several_activities,
                an_install_in_a_team_is_about_the_team,
                events_of_one_schedule_do_not_supersede_each_other,
                an_event_does_not_supersede_what_is_planned,
                planning_leaves_events_alone,
                what_is_invited_is_never_given_up,
                an_exception_counts_until_the_last_moment,
                who_joins_later_was_not_there,
                two_who_are_one_get_it_once,
                who_turns_out_to_be_left_out_gets_no_more_of_it,
                an_event_of_a_paused_schedule_waits,
                an_event_of_a_missing_schedule_waits_and_is_accounted_for,
                too_many_named_people_stop_an_event,
                an_event_that_names_more_than_a_thousand_speaks_to_none_of_them,
                an_event_can_be_recalled_before_it_is_expanded,
                the_life_of_a_schedule_bounds_its_events,
                an_event_is_known_for_ninety_days,
                a_forgotten_event_is_not_taken_for_a_later_one,
            ]);
            conformance!(@cases $place, expanding, [
                a_wave_becomes_one_delivery_for_each_recipient,
                expanding_twice_makes_nothing_twice,
                a_wave_for_all_takes_every_zone,
                people_meant_twice_are_there_once,
                everyone_means_known_persons,
                exceptions_are_left_out,
                a_newcomer_joins_an_expanded_wave,
                a_newcomer_does_not_join_what_has_ended,
                who_leaves_the_group_is_cancelled_and_may_come_back,
                an_edited_audience_is_followed,
                too_many_people_stop_an_occurrence,
                too_many_people_stop_what_was_open,
                what_is_over_is_accounted_for_at_once,
                what_was_over_long_ago_is_given_up,
                next_wake_is_the_earliest_thing_to_do,
                a_round_expands_claims_and_says_when_there_is_more,
                a_round_that_leaves_something_to_expand_is_followed_at_once,
                nothing_is_claimed_before_the_later_ones_are_expanded,
            ]);
            conformance!(@cases $place, parts, [
                a_part_is_for_as_many_as_asked,
                a_few_among_many_are_one_part,
                a_forecast_counts_nobody_twice_between_parts,
                who_comes_into_a_part_that_was_made_is_there,
                who_leaves_a_part_that_was_made_is_cancelled,
                an_audience_that_grows_between_parts_is_counted_again,
                a_wave_made_in_part_survives_and_is_never_given_up,
            ]);
            conformance!(@cases $place, moving, [
                a_move_before_expansion_counts,
                a_move_to_where_it_is_over_is_accounted_for,
                a_new_fallback_zone_where_it_is_over_is_accounted_for,
                a_move_east_after_expansion_takes_the_delivery_along,
                a_move_west_after_expansion_takes_the_delivery_along,
                a_move_to_a_zone_without_a_wave_waits_for_it,
                a_move_after_sending_sends_nothing_again,
                a_move_while_claimed_counts_when_the_claim_returns,
                a_wave_for_all_keeps_who_moves,
                the_fallback_zone_follows_the_configuration,
            ]);
            conformance!(@cases $place, holding, [
                a_move_ends_the_waiting_for_quiet_hours,
                a_wave_that_moves_ends_the_waiting_for_quiet_hours,
                other_quiet_hours_of_a_person_end_the_waiting_for_them,
                an_edit_ends_the_waiting_for_quiet_hours,
                who_waits_for_another_try_waits_on,
                who_is_to_wait_where_no_wave_will_come_waits,
            ]);
            conformance!(@cases $place, schedules, [
                a_missing_schedule_is_held,
                a_missing_schedule_that_returns_goes_on,
                a_schedule_missing_too_long_is_retired,
                a_retired_schedule_that_returns_is_planned_anew,
                a_claim_of_a_retired_schedule_is_cancelled_when_it_returns,
                an_edited_priority_counts_for_what_is_open,
                people_whom_a_schedule_names_have_a_place,
            ]);
            conformance!(@cases $place, reloading, [
                what_moves_is_counted_with_and_without_rows,
                a_dry_run_says_the_same_and_changes_nothing,
                a_reload_is_all_or_nothing,
                what_goes_and_comes_back_is_told,
                who_is_too_late_is_told,
                who_was_served_before_an_edit_is_not_new,
                a_rename_takes_everything_along,
                what_is_held_is_held_under_its_new_name,
                a_name_that_is_in_use_is_not_taken,
                nobody_is_renamed_into_somebody_else,
            ]);
            conformance!(@cases $place, trouble, [
                a_conversation_is_gone_after_three_occurrences_in_a_row,
                who_waits_is_not_marked,
                a_paused_schedule_waits,
                what_an_operator_holds_the_watch_takes_over,
                a_claim_of_a_paused_schedule_comes_back_into_the_pause,
                marks_that_are_no_longer_believed_are_taken_back,
                a_place_is_remembered,
                only_a_known_schedule_can_be_paused,
                losses_that_come_together_count_once,
                doubts_are_counted_apart_from_attempts,
            ]);
            conformance!(@cases $place, claiming, [
                claims_carry_all_that_is_known,
                claims_come_by_priority_and_then_in_due_order,
                nothing_is_claimed_before_its_time_or_twice,
                what_is_too_late_is_claimed_too,
                releasing_keeps_what_a_delivery_was,
                a_postponed_claim_comes_back_at_its_time,
                what_comes_back_before_its_instant_waits_for_it,
                critical_ones_have_room_of_their_own,
                an_old_term_cannot_claim_release_send_or_settle,
                a_lease_that_ran_out_is_lost,
                a_person_has_so_many_places_on_a_day,
                sending_begins_a_lease_of_its_own,
                taking_over_counts_what_it_finds,
                rescue_takes_only_what_is_beyond_its_lease,
                rescue_leaves_what_the_caller_has_in_hand,
            ]);
            conformance!(@cases $place, lanes, [
                a_crowd_leaves_room_for_other_schedules,
                a_crowd_leaves_room_for_other_tenants,
                a_tenant_has_the_room_it_is_given,
                who_is_of_no_known_tenant_is_at_home,
                a_critical_one_never_waits_for_a_crowd,
                ten_thousand_lanes_all_get_their_turn,
                the_next_wake_is_after_what_waits_for_room,
                a_delivery_that_comes_back_keeps_its_lane,
                loads_are_what_is_open_and_what_is_to_come,
            ]);
            conformance!(@cases $place, backlog, [
                a_claim_knows_whether_a_later_one_is_due,
                a_later_one_counts_for_the_same_person_and_schedule,
                a_later_one_may_be_in_another_wave,
                a_later_one_that_is_not_meant_any_more_does_not_count,
                of_two_that_a_clock_brings_to_one_instant_the_later_stands_for_both,
                what_nobody_asks_is_not_looked_up,
                a_successor_hears_when_somebody_was_last_there,
            ]);
            conformance!(@cases $place, spreading, [
                each_person_has_their_own_instant,
                a_place_in_the_spread_is_kept_wherever_a_delivery_goes,
                an_edited_jitter_is_followed,
                a_wave_is_open_as_long_as_its_last_person,
            ]);
            conformance!(@cases $place, settling, [
                every_settlement_is_kept,
                nothing_is_sent_that_was_not_being_sent,
                a_settled_delivery_is_settled,
                doubt_is_never_forgotten,
                the_unreachable_are_marked,
                a_conversation_is_remembered,
                an_attempt_belongs_to_its_delivery,
                a_slow_sender_does_not_speak_for_the_next,
                a_failing_act_undoes_only_itself,
                many_senders_at_once,
            ]);
            conformance!(@cases $place, recalling, [
                what_was_sent_is_due_and_the_rest_is_stopped,
                a_claim_is_taken_out_of_the_senders_hands,
                what_is_being_sent_is_awaited,
                a_crash_while_sending_is_not_sent_again,
                a_recall_outlives_its_daemon,
                what_is_recalled_does_not_come_back,
                what_is_recalled_does_not_come_back_at_another_hour,
                a_recall_after_an_edit_is_not_about_the_new_hour,
                only_those_who_are_meant,
                what_had_been_cancelled_is_cancelled_for_good,
                a_second_recall_takes_the_first_over,
                a_message_is_tried_until_it_has_an_end,
                a_clock_that_is_set_back_holds_no_recall_up,
                the_latest_that_left_is_meant,
                what_is_still_to_come_is_stopped_in_advance,
                a_place_on_the_day_is_given_back,
                a_place_on_the_day_stays_taken_by_what_may_have_arrived,
                a_message_in_a_thread_is_taken_back_there,
            ]);
            conformance!(@cases $place, retrying, [
                nothing_else_is_sent_again,
                asked_twice_it_is_sent_again_once,
                a_retry_is_open_as_long_as_its_recipients_zone_lets_it,
                a_doubt_that_is_sent_again_is_marked,
                a_retry_outlives_its_daemon,
                what_senders_have_in_hand_stays_theirs,
                what_is_not_meant_any_more_stays_as_it_is,
                what_is_late_waits_for_the_operators_word,
                whoever_went_away_since_is_not_spoken_to,
                a_retry_of_a_paused_schedule_waits,
                an_edit_takes_a_retry_along,
                which_occurrence_is_meant,
                a_test_is_not_sent_again,
            ]);
            conformance!(@cases $place, cancelling, [
                what_has_not_left_ends_and_the_rest_stays,
                what_is_being_sent_is_not_tried_again,
                a_crash_while_sending_is_not_sent_again,
                what_is_cancelled_does_not_come_back,
                what_is_cancelled_comes_to_nobody_at_another_hour,
                a_retry_and_a_cancel_meet,
                a_place_on_the_day_is_given_back_with_what_is_cancelled,
                what_is_held_or_gone_can_be_cancelled,
                the_one_that_goes_out_is_meant_or_the_next,
                a_date_for_nobody_is_cancelled_too,
            ]);
            conformance!(@cases $place, news, [
                an_install_makes_somebody_reachable,
                told_again_nothing_changes,
                an_edit_of_a_message_is_no_repetition,
                an_uninstall_counts_until_they_are_heard_again,
                replacing_the_app_is_no_uninstall,
                being_heard_lifts_what_teams_answered,
                other_surfaces_change_no_reference,
                what_does_not_come_by_teams_is_believed_about_nobody,
                what_is_said_in_a_channel_is_not_the_persons_chat,
                a_group_chat_has_its_reference_and_name,
                a_team_has_names_for_its_channels_and_loses_them,
                who_joins_a_team_is_one_of_its_members,
                who_came_to_a_team_or_left_it_is_not_undone_by_what_is_told_late,
                a_new_name_is_not_undone_by_what_is_told_late,
                what_an_operator_wrote_stays,
                what_was_told_may_be_told_anew,
                two_names_that_turn_out_to_be_one_person_get_one_message,
                who_turns_out_to_be_somebody_else_gets_nothing_that_is_in_hand_for_them,
                everything_told_is_there_after_the_ledger_is_opened_again,
                a_mail_address_that_was_given_to_somebody_new_makes_no_two_people_one,
                who_was_imported_by_mail_is_one_with_their_chat_once_both_are_told,
                what_is_taken_away_elsewhere_is_still_there_in_teams,
                an_echo_of_our_own_turn_is_nobody_speaking,
                a_chat_in_another_tenant_says_nothing_of_how_somebody_is_reached,
            ]);
            conformance!(@cases $place, people, [
                people_come_in_and_are_listed,
                an_import_changes_only_what_it_says,
                an_import_matches_by_any_address_and_by_conversation,
                an_ambiguous_record_is_refused,
                an_import_gives_an_address_to_somebody_new,
                an_import_gives_an_address_to_somebody_who_is_there_already,
                a_record_without_an_identity_is_refused,
                a_place_becomes_a_person,
                zones_are_those_of_the_recipients,
                an_import_does_not_lift_a_block,
            ]);
            conformance!(@cases $place, zones, [
                a_client_says_where_somebody_lives,
                an_own_choice_beats_the_client_until_it_is_taken_back,
                a_person_chooses_and_is_answered_once,
                what_is_told_late_or_again_changes_nothing,
                an_import_without_a_zone_leaves_what_was_said,
                a_client_that_falls_silent_is_no_longer_believed,
                a_shorter_patience_with_clients_counts_at_once,
                a_group_has_a_zone_for_whom_nothing_else_is_said,
                a_directory_counts_less_than_a_client,
                a_zone_that_is_told_takes_open_deliveries_along,
                who_waits_for_a_zone_is_woken_when_it_is_known,
                a_claim_comes_back_to_a_zone_that_is_known,
                who_waits_for_a_zone_is_looked_at_again_when_the_schedule_is_edited,
                who_is_woken_waits_for_the_limits_as_everybody_does,
                the_operator_says_and_takes_back,
                a_person_is_shown_with_what_was_passed_over,
                who_became_one_person_keeps_what_was_said,
                somebody_is_asked_once_in_thirty_days,
                nobody_is_asked_in_vain,
                a_question_that_is_idle_by_then_is_not_sent,
                who_chooses_is_answered_at_once_and_gets_no_message,
            ]);
            conformance!(@cases $place, exporting, [
                an_export_is_taken_back_without_loss,
                who_is_known_already_stays_as_they_are,
            ]);
            conformance!(@cases $place, conversations, [
                what_is_named_by_its_id_has_a_place,
                a_channel_that_was_only_a_name_becomes_one,
                an_import_gives_a_channel_its_names,
                the_members_of_a_team_are_an_audience,
                who_leaves_a_team_leaves_its_audience,
                guests_are_told_to_claims,
                a_name_that_two_teams_share_means_neither,
                a_channel_that_is_renamed_leaves_its_name,
                an_import_leaves_rosters_alone,
                what_could_not_be_read_stays_as_it_was,
                a_thread_is_kept_with_its_outcome,
                service_urls_have_an_origin,
            ]);
            conformance!(@cases $place, status, [
                sums_equal_the_audience_at_every_step,
                recipients_are_listed_on_request,
                old_occurrences_are_left_out,
            ]);
            conformance!(@cases $place, figures, [
                what_is_due_and_in_nobodys_hands_is_counted_by_its_queue,
                everybody_is_counted_by_how_they_are_reached_and_who_said_where_they_live,
            ]);
            conformance!(@cases $place, documents, [
                documents_are_kept_and_found_by_prefix,
                pruning_keeps_what_is_needed,
                a_closed_store_says_so,
                everything_is_there_after_reopening,
            ]);

            #[test]
            fn random_acts_keep_the_promises() {
                super::random_acts::run(|| Box::new($place));
            }
        }
    };
    (@cases $place:expr, $subject:ident, [$($case:ident,)+]) => {
        mod $subject {
            $(
                #[tokio::test]
                async fn $case() {
                    crate::$subject::$case(&$place).await;
                }
            )+
        }
    };
}

conformance!(sqlite, crate::sqlite_file::Folder::new());
