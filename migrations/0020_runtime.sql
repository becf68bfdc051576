-- Handlers that are uploaded as source, and the runtimes that run them.

-- An interpreter that many sources share. Of those of a language the one that was installed last takes new sources; the others stay
-- while a source is bound to them.
create table runtime (
    digest       bytea primary key,
    language     text not null,
    bytes        bytea not null,
    report       text not null,
    installed_at timestamptz not null default now(),
    constraint runtime_digest_is_sha256 check (length(digest) = 32)
);
alter table runtime alter column bytes set storage external;
create index runtime_language on runtime (language, installed_at desc);

-- A source is a component whose bytes are text. What runs is the program that its runtime made of it.
alter table component
    add column runtime bytea references runtime,
    add column program text,
    -- Which of the optional exports it has: `on-error`, `compensate`.
    add column offers  text[],
    add constraint component_source_is_whole check (
        (runtime is null) = (program is null) and (runtime is null) = (offers is null)
    );
create index component_runtime on component (runtime) where runtime is not null;
