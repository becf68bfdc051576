//! What traps: the attempt fails, the process does not.

use model::FailureKind;

use crate::{Attack, Expected, bombs};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::guest("trap_unreachable", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_division", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_integer_overflow", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_float_to_int", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_out_of_bounds", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_fill_out_of_bounds", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_null_call", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_wrong_call", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_call_out_of_bounds", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_table_out_of_bounds", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_element_out_of_bounds", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_data_out_of_bounds", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("trap_in_start", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::made(
        "trap_with_giant_name",
        "length of messages",
        Expected::Fails(FailureKind::Trap),
        (bombs::name_in_trap, "Traps in a function whose name has 100 KB and a terminal command."),
    ),
];
