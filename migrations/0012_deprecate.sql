-- A worker that is to finish what it has and take nothing more.

alter table worker add column deprecated_at timestamptz;
