-- Components that are not called until somebody releases them; their tasks wait.
create table quarantine (
    since timestamptz not null default now(),
    tenant_id int not null,
    digest bytea not null,
    reason text not null,
    constraint quarantine_pkey primary key (tenant_id, digest),
    constraint quarantine_tenant_id_digest_fkey foreign key (tenant_id, digest)
        references component (tenant_id, digest) on delete cascade
);
