"""The attacks we know of, by number, and for each the tests that fail if a build lets it through."""

import ast
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
WHO = "stories/test_security_who_decides.py"
DEPUTIES = "stories/test_security_deputies.py"
RUNS = "stories/test_security_what_runs.py"
ONCE = "stories/test_security_tokens_and_floods.py"
RACES = "stories/test_races.py"
TIME = "stories/test_faults_time.py"
KILL = "stories/test_faults_kill.py"
LOG = "stories/test_faults_log.py"
MACHINE = "core/test_machine.py"
CLICKS = "handlers/slack/test_clicks.py"
REACTIONS = "handlers/slack/test_reactions.py"
GLASS = "stories/test_glass.py"
TEAMS = "handlers/teams"

POINTS: dict[int, tuple[str, ...]] = {
    1: (
        f"{WHO}::test_somebody_who_is_no_approver_is_refused_and_nothing_changes",
        f"{CLICKS}::test_anyone_else_in_the_channel_is_refused_alone_and_nothing_changes",
        f"{TEAMS}/test_clicks.py::test_anyone_else_in_the_channel_is_refused_alone_and_nothing_changes",
    ),
    2: (
        f"{WHO}::test_an_empty_approver_list_means_nobody_and_never_everybody",
        f"{WHO}::test_an_action_for_which_no_rule_names_an_approver_is_approved_by_nobody",
        f"{WHO}::test_an_edit_that_empties_a_group_does_not_load_and_says_so",
        f"{MACHINE}::test_an_empty_or_silent_group_means_nobody",
        f"{MACHINE}::test_a_quorum_of_nobody_is_met_by_nobody",
    ),
    3: (
        f"{WHO}::test_the_owner_and_the_principal_are_refused_in_every_group_they_are_in",
        f"{WHO}::test_who_became_the_owner_after_the_request_was_made_is_refused_as_well",
        f"{WHO}::test_an_owner_who_is_renamed_reviews_nothing_of_their_agent",
        f"{WHO}::test_for_whom_the_directory_does_not_name_nobody_reviews",
        f"{CLICKS}::test_the_agents_owner_is_refused",
        "handlers/web/test_pages.py::test_the_owner_of_the_agent_reads_and_comments_but_finds_no_button",
    ),
    4: (
        f"{WHO}::test_one_person_through_two_doors_and_two_tokens_is_one_review",
        f"{MACHINE}::test_one_person_counts_once_whichever_surface_they_use",
        f"{CLICKS}::test_a_member_whom_the_directory_does_not_know_is_refused",
        "handlers/slack/test_people.py::test_two_accounts_of_one_person_are_one_review",
        "stories/test_linking.py::test_a_link_confirmed_by_mistake_is_worth_nothing_without_its_code",
        "stories/test_linking.py::test_who_leaves_the_directory_loses_the_account_for_good",
        f"{RACES}::test_one_person_on_both_replicas_at_once_is_one_review",
    ),
    5: (
        f"{WHO}::test_an_intake_body_that_says_it_is_approved_is_refused_by_name",
        f"{WHO}::test_what_the_agent_says_of_approvals_is_data_and_decides_nothing",
        f"{WHO}::test_agents_and_executors_cannot_review",
        "handlers/slack/test_identity.py::test_machines_are_refused",
        f"{TEAMS}/test_identity.py::test_bots_agentic_users_and_accounts_without_an_id_are_refused",
    ),
    6: (
        f"{CLICKS}::test_bots_guests_the_deleted_and_strangers_are_refused_with_an_audit_entry",
        "handlers/slack/test_identity.py::test_names_and_addresses_count_for_nothing",
        f"{TEAMS}/test_identity.py::test_whom_teams_itself_does_not_call_a_full_member_is_refused",
        f"{TEAMS}/test_identity.py::test_names_and_addresses_prove_nothing",
        f"{WHO}::test_only_the_name_in_the_directory_counts_and_no_account_or_address",
        "handlers/web/test_door.py"
        "::test_who_left_the_directory_is_out_at_once_and_no_link_of_theirs_lets_them_in_again",
    ),
    7: (
        f"{WHO}::test_who_was_removed_from_the_group_after_the_card_is_refused_at_the_click",
        f"{TEAMS}/test_identity.py::test_who_left_the_group_after_the_card_was_posted_is_refused",
        f"{WHO}::test_who_left_the_directory_is_nobody_at_once_also_while_a_group_still_names_them",
        f"{WHO}::test_a_directory_that_does_not_load_stops_reviews_after_a_while_and_lowers_no_quorum",
        "handlers/commands/test_roles.py"
        "::test_nobody_enters_and_nobody_new_stands_in_under_a_directory_that_has_not_loaded_for_long",
        "stories/test_linking.py"
        "::test_no_account_becomes_anybodys_while_the_directory_has_not_loaded_for_long",
        f"{WHO}::test_a_group_that_shrinks_below_its_quorum_leaves_the_request_waiting",
        "stories/test_oncall.py::test_only_who_is_on_call_approves_and_the_shift_changes_on_its_minute",
        "stories/test_oncall.py::test_a_calendar_that_is_gone_is_good_for_half_an_hour_and_then_the_fallback_decides",
    ),
    8: (
        f"{DEPUTIES}::test_whom_separation_bars_lends_nothing",
        f"{DEPUTIES}::test_whom_separation_bars_stands_in_for_nobody",
        f"{DEPUTIES}::test_separation_cuts_a_chain_in_the_middle",
        f"{DEPUTIES}::test_a_loop_ends_with_nobody_and_each_keeps_their_own_voice",
        f"{DEPUTIES}::test_a_deputy_stands_in_for_who_is_away_and_is_one_voice",
        f"{DEPUTIES}::test_two_absences_with_one_deputy_do_not_meet_a_quorum_of_two",
        "core/test_seats.py::test_no_directory_absence_or_delegation_seats_anybody_whom_separation_bars",
        "core/test_seats.py::test_a_quorum_is_always_met_by_distinct_people_in_distinct_seats",
        "core/test_seats.py::test_a_chain_that_loops_ends_with_nobody",
    ),
    9: (
        f"{WHO}::test_an_admin_and_auditor_reads_everything_and_reviews_nothing",
        f"{GLASS}::test_the_role_is_its_own_and_no_other_replaces_it",
        f"{GLASS}::test_the_requesters_side_breaks_no_glass_whatever_roles_it_holds",
        f"{GLASS}::test_nothing_is_broken_over_a_freeze_a_deny_or_a_denial",
        f"{GLASS}::test_a_holder_approves_alone_and_it_runs_and_an_admin_reviews_it",
        f"{GLASS}::test_who_broke_it_and_the_requesters_side_do_not_review_it",
        f"{GLASS}::test_the_admins_hear_each_day_of_what_nobody_has_reviewed",
        "core/test_glass.py::test_no_history_breaks_glass_as_it_must_not_or_loses_its_review",
        "core/test_glass.py::test_no_later_state_loses_the_review",
        "handlers/slack/test_glass.py::test_glass_is_broken_by_typing_the_code_after_seeing_everything",
        "handlers/web/test_glass.py::test_others_find_no_such_form_and_a_forged_one_is_refused",
    ),
    10: (
        f"{RUNS}::test_parameters_changed_after_the_approval_do_not_run",
        f"{RUNS}::test_another_resource_context_or_name_does_not_run_either",
        f"{RUNS}::test_a_digest_that_differs_raises_the_alarm_and_stands_in_the_log",
    ),
    11: (
        f"{RUNS}::test_a_summary_that_contradicts_the_parameters_names_nothing",
        "handlers/web/test_pages.py::test_the_agents_claims_are_labelled_and_never_the_title",
        "handlers/slack/test_blocks.py::test_the_agents_words_stand_apart_and_are_labelled",
        "handlers/slack/test_blocks.py::test_an_answer_stands_apart_and_is_labelled_and_its_question_is_literal",
        "core/test_asking.py::test_the_answer_stands_on_the_card_as_a_claim_and_not_in_the_thread",
    ),
    12: (
        "core/test_card.py::test_a_tail_behind_thousands_of_spaces_is_shown_and_cannot_be_approved_from_the_card",
        "handlers/web/test_pages.py::test_a_tail_behind_thousands_of_spaces_stands_next_to_its_head",
        f"{CLICKS}::test_what_the_card_cannot_show_is_not_approved_by_it",
        f"{TEAMS}/test_clicks.py::test_a_card_that_does_not_show_everything_cannot_approve",
        f"{REACTIONS}::test_what_the_card_cannot_show_is_not_decided_by_emoji",
    ),
    13: (
        f"{RUNS}::test_identifiers_take_no_hidden_or_look_alike_characters",
        f"{RUNS}::test_hidden_characters_in_text_are_shown_and_still_run_exactly_as_sent",
        "core/test_literal.py::test_every_code_point_is_shown_or_made_visible",
    ),
    14: (
        "handlers/web/test_pages.py::test_hostile_markup_is_inert_everywhere",
        "handlers/slack/test_blocks.py::test_nothing_is_mrkdwn_and_no_colon_becomes_an_emoji",
        f"{TEAMS}/test_cards.py::test_nothing_on_a_card_reads_markdown",
        "handlers/test_render.py::test_a_value_in_a_json_template_cannot_break_out",
    ),
    15: (
        f"{RUNS}::test_a_body_that_is_not_strict_json_is_refused_before_anything_is_decided",
        f"{RUNS}::test_a_body_beyond_the_cap_is_refused_before_it_is_read",
        "core/test_strict.py::test_any_bytes_are_json_or_malformed",
    ),
    16: (
        f"{RUNS}::test_a_parameter_the_catalog_does_not_know_is_refused_by_name_without_its_value",
        f"{RUNS}::test_a_parameter_that_is_let_through_unknown_is_on_the_page_and_in_the_digest",
        "handlers/web/test_pages.py::test_secrets_stay_hidden_and_unknown_parameters_are_flagged",
    ),
    17: (
        f"{RUNS}::test_a_secret_parameter_is_in_the_receipt_and_nowhere_else",
        f"{RUNS}::test_no_credential_lies_in_the_database_or_the_logs",
    ),
    18: (
        f"{RACES}::test_approve_deny_cancel_and_expiry_at_once_end_in_one_state",
        f"{RACES}::test_one_key_through_both_replicas_makes_one_request",
        f"{ONCE}::test_the_same_review_ten_times_at_once_is_one_review",
        f"{ONCE}::test_the_loser_of_a_race_is_told_how_it_was_decided",
        f"{TIME}::test_the_deadline_is_an_instant_and_not_when_somebody_looked",
        f"{CLICKS}::test_the_same_click_again_has_one_effect",
        f"{TEAMS}/test_clicks.py::test_a_doubled_invoke_has_one_effect_and_the_same_answer",
        f"{REACTIONS}::test_the_same_reaction_again_is_one_review_and_taking_it_away_changes_nothing",
        f"{REACTIONS}::test_on_a_shared_card_no_reaction_counts_not_even_one_from_before_it_was_handed_on",
    ),
    19: (f"{RACES}::test_two_simultaneous_reviews_meet_a_quorum_of_two_exactly_once",),
    20: (
        "handlers/slack/test_door.py::test_a_call_that_slack_did_not_sign_is_401_and_nothing_is_stored",
        "handlers/slack/test_door.py::test_another_workspaces_call_is_401_and_nothing_is_stored",
        "handlers/slack/test_door.py::test_a_signature_is_good_for_five_minutes_either_way",
        f"{TEAMS}/test_door.py::test_every_forged_foreign_or_junk_token_is_refused_and_nothing_is_stored",
        f"{TEAMS}/test_door.py::test_another_channel_tenant_or_service_is_refused_whatever_the_token_says",
        f"{TEAMS}/test_door.py::test_nobody_gets_in_while_there_are_no_keys",
        f"{TEAMS}/test_places.py"
        "::test_a_copy_of_a_card_in_the_same_channel_does_nothing_and_says_where_ours_is",
        f"{TEAMS}/test_places.py::test_a_copy_of_a_card_in_another_conversation_does_nothing",
        f"{TEAMS}/test_places.py::test_a_copy_that_refreshes_itself_does_nothing_for_who_only_looks_at_it",
    ),
    21: (
        f"{ONCE}::test_one_of_twenty_parallel_redemptions_wins",
        f"{ONCE}::test_a_grant_is_good_until_just_before_its_end_and_for_its_executor_alone",
        f"{ONCE}::test_a_revoked_grant_and_one_the_policy_denies_by_now_do_not_run",
        f"{ONCE}::test_a_freeze_stops_the_grant_that_was_given_before_it",
        f"{RACES}::test_one_grant_through_both_replicas_is_redeemed_once",
        f"{RACES}::test_a_redemption_against_its_revocation_ends_as_one_of_them",
    ),
    22: (
        "core/test_grant.py::test_another_header_is_refused",
        "core/test_grant.py::test_an_unsigned_grant_is_refused",
        "core/test_grant.py::test_the_public_key_used_as_a_shared_secret_is_refused",
        "core/test_grant.py::test_other_claims_are_refused",
        "core/test_grant.py::test_a_missing_claim_is_refused",
    ),
    23: (
        f"{ONCE}::test_an_idempotency_key_is_the_agents_own_and_holds_one_body",
        f"{ONCE}::test_one_key_twenty_times_at_once_is_one_request",
    ),
    24: (
        f"{ONCE}::test_what_is_anothers_and_what_is_nowhere_are_the_same_404",
        f"{ONCE}::test_ids_are_128_random_bits",
    ),
    25: (
        f"{TIME}::test_a_day_that_passes_at_once_settles_everything_due_exactly_once",
        f"{TIME}::test_a_clock_set_back_brings_nothing_back",
        "handlers/clock/test_metronome.py::test_a_wall_clock_set_back_an_hour_does_not_silence_what_is_due",
        "core/test_signing.py::test_a_clock_31_s_away_is_not",
    ),
    26: (
        f"{ONCE}::test_a_callback_to_the_inside_is_never_made_and_ends_as_a_dead_letter",
        "handlers/executor/test_egress.py::test_no_spelling_of_loopback_reaches_it",
        "handlers/executor/test_egress.py::test_a_name_that_resolves_inside_is_refused",
        "handlers/executor/test_callback.py::test_a_redirect_is_a_failure_and_is_not_followed",
    ),
    27: (
        f"{ONCE}::test_a_receiver_that_never_answers_holds_up_nobody_else",
        "handlers/executor/test_callback.py::test_a_compressed_bomb_is_not_unpacked",
        "handlers/executor/test_callback.py::test_an_endless_answer_costs_its_connection_and_a_second",
    ),
    28: (
        f"{ONCE}::test_an_agent_over_its_pending_cap_is_told_when_to_come_back",
        f"{ONCE}::test_an_agent_over_its_pace_is_told_when_to_come_back_and_may_then",
        f"{ONCE}::test_a_person_and_an_executor_run_wild_are_told_when_to_come_back",
        f"{ONCE}::test_an_agent_that_looks_as_fast_as_it_can_is_slowed_down_at_every_door",
        f"{ONCE}::test_a_thousand_who_wait_anew_each_half_minute_are_never_slowed_down",
        f"{TEAMS}/test_clicks.py::test_what_one_person_presses_has_the_pace_of_what_they_type_and_call",
        "handlers/slack/test_asking.py::test_what_one_person_presses_has_the_pace_of_what_they_type_and_call",
        f"{ONCE}::test_a_person_has_so_many_live_pages_and_the_others_work_without",
        "handlers/api/test_polls.py::test_a_caller_waits_at_so_many_polls_and_takes_none_from_others",
        "stories/test_refusals.py::test_a_flood_of_refusals_is_one_entry_a_minute_that_counts_them",
        f"{ONCE}::test_a_paused_agent_asks_for_nothing_until_it_is_resumed",
        f"{RACES}::test_the_agents_cap_holds_across_replicas",
        "handlers/slack/test_sharing.py::test_identical_requests_share_the_oldest_ones_card",
        "handlers/slack/test_sharing.py::test_each_is_decided_by_itself_and_the_next_takes_the_card_over",
        "handlers/slack/test_sharing.py::test_a_storm_of_the_same_is_one_card_and_everyone_can_decide_each",
        "handlers/slack/test_sharing_races.py"
        "::test_whatever_races_every_pending_request_is_found_and_no_card_lies",
        "handlers/slack/test_roundups.py::test_everyone_finds_and_decides_each_one_of_a_storm",
        "handlers/slack/test_roundups.py::test_nothing_on_a_roundup_decides_and_nothing_decides_several",
    ),
    29: (
        f"{KILL}::test_nothing_acknowledged_is_lost_when_servers_are_killed",
        f"{KILL}::test_nothing_acknowledged_is_lost_when_the_power_goes",
        f"{KILL}::test_nothing_acknowledged_is_lost_when_postgresql_is_killed",
        f"{KILL}::test_a_disk_that_is_full_for_a_while_costs_nothing_that_was_acknowledged",
        "storage/test_faults.py::test_the_same_power_cut_shows_a_database_that_does_not_wait_for_its_disk",
        f"{TIME}::test_what_a_killed_process_was_sending_is_sent_by_another_after_its_lease",
        f"{TIME}::test_what_fell_due_while_nothing_ran_happens_at_the_start",
        f"{LOG}::test_a_log_cut_short_is_noticed_at_the_start_and_no_grant_is_issued",
        f"{CLICKS}::test_a_connection_lost_after_the_post_leaves_one_card",
    ),
    30: (
        f"{ONCE}::test_looking_at_a_sign_in_link_spends_nothing_and_posting_it_twice_works_once",
        "handlers/web/test_people.py::test_looking_at_the_address_of_a_link_spends_and_shows_nothing",
        "handlers/web/test_people.py::test_another_browser_can_do_nothing_with_a_link_that_was_opened",
        f"{ONCE}::test_a_persons_token_is_short_and_nothing_makes_it_longer",
        "core/test_notes.py::test_a_person_is_told_in_chat_what_was_done_with_their_token_or_web_session",
    ),
    31: (
        f"{ONCE}::test_nobody_reads_a_page_or_the_log_without_signing_in",
        "handlers/web/test_door.py::test_a_form_from_elsewhere_decides_nothing",
        "handlers/web/test_door.py::test_every_page_is_strict",
    ),
}


@cache
def _tests_in(path: Path) -> frozenset[str]:
    found = ast.walk(ast.parse(path.read_text("utf-8")))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in found if isinstance(node, kinds))


def test_every_point_has_its_tests() -> None:
    assert sorted(POINTS) == list(range(1, 32))


@pytest.mark.parametrize("point", POINTS)
def test_the_tests_of_a_point_are_there(point: int) -> None:
    assert POINTS[point]
    for name in POINTS[point]:
        file, _, test = name.partition("::")
        assert (TOP / file).is_file(), name
        assert test in _tests_in(TOP / file), name
