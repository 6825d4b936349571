-- Whose turn it is. Locks of these tables, and no advisory locks, which every login may take: a dashboard could hold every
-- refresh up for ever. Only transformer can lock them.
set local role transformer;

create table ops.turn_of_dbt ();
comment on table ops.turn_of_dbt is
'Empty; locked by whoever writes models with dbt, one run at a time, whatever door it came by.';

create table ops.turn_of_follower ();
comment on table ops.turn_of_follower is
'Empty; locked by whoever refreshes the models after each load: `landfall refresh --watch`, or else a run of Dagster.';

reset role;
