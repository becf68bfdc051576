-- Runs that run another one again.

alter table run add column rerun_of uuid;
