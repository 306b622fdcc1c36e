//! The HTTPS API as the vendor's own Python SDK, unmodified, uses it, and as nobody should: the scripts of `tests/sdk`.

use vpce_tests::{scorecard::figure, story::Stage};

/// As `pace.py` has it.
const SLOW: u32 = 20;
/// Flow records: room for basic endpoints alone, and for a professional one beside them.
const FEW: u32 = 1 << 15;
const MANY: u32 = 1 << 21;

#[test]
fn all_33_operations_serve_the_vendors_sdk_from_a_service_to_bytes_and_back_to_nothing() {
    Stage::new(MANY).play("operations.py");
}

#[test]
fn each_error_that_a_tenant_can_cause_has_its_status_its_code_and_a_message_that_helps() {
    Stage::new(FEW).play("refusals.py");
}

#[test]
fn a_signature_that_is_wrong_or_was_seen_before_is_refused_and_changes_nothing() {
    Stage::new(FEW).play("signatures.py");
}

#[test]
fn a_key_that_asks_too_often_is_told_so_and_no_other_notices() {
    Stage::new(FEW).per_sec(SLOW).play("pace.py");
}

#[test]
fn a_disk_that_is_full_fails_what_would_be_written_and_nothing_else() {
    Stage::new(FEW).on_a_small_disk().play("full_disk.py");
}

#[test]
fn row_16_an_operation_is_done_for_those_alone_who_have_its_action_in_the_project() {
    Stage::new(MANY).play("matrix.py");
}

#[test]
fn row_16_no_request_that_fits_the_document_or_breaks_it_fails_the_gateway_or_gets_another_answer_than_it_tells() {
    Stage::new(FEW).requests(figure(5_000, 100_000)).play("generated.py");
}

#[test]
fn row_17_a_request_that_was_changed_after_the_sdk_signed_it_is_refused_over_https() {
    Stage::new(FEW).requests(figure(400, 10_000)).play("mutations.py");
}
