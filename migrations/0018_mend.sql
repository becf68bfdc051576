-- Usage of hours that are over is folded into one row of each tenant and hour, which has worker 0: these are left to fold.
create index usage_unfolded on usage (hour) where worker_id <> 0;
