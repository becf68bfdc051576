-- How many arrived at each join of a run, and how many it waits for. For a map step that is its tasks.
select step, arrived, arrival_count from arrival where tenant_id = $1 and run_id = $2
