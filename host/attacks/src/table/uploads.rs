//! What is refused before it is compiled, or while it is, and what lies about itself.

use model::Code;

use crate::{Attack, Expected, bombs};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::guest("describe_loops", "budget of `describe`", Expected::Noted("`describe` failed")),
    Attack::guest("describe_traps", "budget of `describe`", Expected::Noted("`describe` failed")),
    Attack::guest(
        "describe_giant",
        "bytes copied from the guest",
        Expected::Noted("`describe` failed"),
    ),
    Attack::guest("describe_lies", "JSON gate", Expected::Noted("what `describe` answers")),
    Attack::made(
        "no_type_information",
        "form of uploads",
        Expected::Refused(Code::ComponentCoreModule),
        (bombs::no_types, "Is a module that does not say which world it is for."),
    ),
    Attack::made(
        "upload_broken_types",
        "type information",
        Expected::Refused(Code::ComponentInvalid),
        (bombs::broken_types, "Carries type information that is none."),
    ),
    Attack::made(
        "upload_nested_types",
        "type information",
        Expected::Refused(Code::ComponentInvalid),
        (bombs::nested_types, "Carries type information nested twenty thousand deep."),
    ),
    Attack::made(
        "upload_half",
        "form of uploads",
        Expected::Refused(Code::ComponentTruncated),
        (bombs::half, "Ends in the middle."),
    ),
    Attack::made(
        "upload_ballast",
        "size of uploads",
        Expected::Completes,
        (bombs::custom_section, "Carries four mebibytes that mean nothing."),
    ),
    Attack::made(
        "upload_names",
        "names of imports",
        Expected::Refused(Code::ComponentTooLarge),
        (bombs::names, "Imports functions whose names have 80 KB together."),
    ),
    Attack::made(
        "upload_problems",
        "problems listed",
        Expected::Refused(Code::ComponentUnknownImport),
        (bombs::problems, "Has so many problems that listing them would be the attack."),
    ),
    Attack::made(
        "upload_long_types",
        "problems listed",
        Expected::Refused(Code::ComponentUnknownImport),
        (
            bombs::long_types,
            "Imports 300,000 functions of a type that takes eight kilobytes to write down.",
        ),
    ),
    Attack::made(
        "upload_doubling_types",
        "type information",
        Expected::Refused(Code::ComponentInvalid),
        (bombs::doubling_types, "Takes and answers pairs of pairs, seventeen times."),
    ),
    Attack::made(
        "instances_a_million",
        "core instances",
        Expected::Refused(Code::ComponentTooManyInstances),
        (bombs::instances, "Asks for a million instances in a thousand bytes."),
    ),
    Attack::guest(
        "instances_uncountable",
        "core instances",
        Expected::Refused(Code::ComponentTooManyInstances),
    ),
    Attack::guest(
        "component_recursive_alias",
        "form of uploads",
        Expected::Refused(Code::ComponentInvalid),
    ),
    Attack::made(
        "components_nested",
        "form of uploads",
        Expected::Refused(Code::ComponentMissingExport),
        (bombs::nested_components, "Nests three thousand components."),
    ),
    Attack::guest(
        "memories_too_many",
        "memories",
        Expected::Refused(Code::ComponentTooManyInstances),
    ),
    Attack::guest("tables_too_many", "tables", Expected::Refused(Code::ComponentTooManyInstances)),
    Attack::guest(
        "memory_declared_huge",
        "memory at the start",
        Expected::Refused(Code::ComponentTooMuchMemory),
    ),
    Attack::guest(
        "table_declared_huge",
        "table elements at the start",
        Expected::Refused(Code::ComponentTooMuchMemory),
    ),
    Attack::guest(
        "imports_network",
        "interfaces offered",
        Expected::Refused(Code::ComponentUnknownImport),
    ),
    Attack::guest(
        "imports_udp",
        "interfaces offered",
        Expected::Refused(Code::ComponentUnknownImport),
    ),
    Attack::guest(
        "imports_unknown",
        "interfaces offered",
        Expected::Refused(Code::ComponentUnknownImport),
    ),
    Attack::guest(
        "export_missing",
        "form of uploads",
        Expected::Refused(Code::ComponentMissingExport),
    ),
    Attack::guest(
        "feature_memory64",
        "features of the engine",
        Expected::Refused(Code::ComponentInvalid),
    ),
    Attack::guest(
        "feature_shared_memory",
        "features of the engine",
        Expected::Refused(Code::ComponentInvalid),
    ),
    Attack::guest(
        "feature_atomic_wait",
        "features of the engine",
        Expected::Refused(Code::ComponentInvalid),
    ),
    Attack::guest(
        "feature_gc",
        "features of the engine",
        Expected::Refused(Code::ComponentInvalid),
    ),
    Attack::guest(
        "feature_exceptions",
        "features of the engine",
        Expected::Refused(Code::ComponentInvalid),
    ),
    Attack::guest(
        "feature_stack_switching",
        "features of the engine",
        Expected::Refused(Code::ComponentInvalid),
    ),
    Attack::guest(
        "feature_page_size",
        "features of the engine",
        Expected::Refused(Code::ComponentInvalid),
    ),
    Attack::made(
        "compile_types",
        "form of uploads",
        Expected::Refused(Code::ComponentInvalid),
        (bombs::types, "Has a million types and one."),
    ),
    Attack::made(
        "compile_functions",
        "form of uploads",
        Expected::Refused(Code::ComponentInvalid),
        (bombs::functions, "Has a million functions and one."),
    ),
    Attack::made(
        "compile_data",
        "form of uploads",
        Expected::Refused(Code::ComponentInvalid),
        (bombs::data, "Has a hundred thousand pieces of data and one."),
    ),
    Attack::made(
        "compile_locals",
        "form of uploads",
        Expected::Refused(Code::ComponentInvalid),
        (bombs::locals, "Has a function with four billion locals."),
    ),
    Attack::made(
        "compile_jump",
        "form of uploads",
        Expected::Refused(Code::ComponentInvalid),
        (bombs::jump, "Has a jump with three hundred thousand ways to go."),
    ),
    Attack::made(
        "compile_branches",
        "time and memory to compile",
        Expected::Uncompilable,
        (bombs::branches, "Has a function of 150,000 branches, which a compiler pays for."),
    ),
    Attack::made(
        "compile_blocks",
        "memory to compile",
        Expected::Refused(Code::ComponentCompileMemory),
        (
            bombs::blocks,
            "Has a function of blocks thirty thousand deep, which a compiler pays for.",
        ),
    ),
];
