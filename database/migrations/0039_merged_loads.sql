-- Loads whose rows retention has dropped become one row a stretch of a day, so that the ledger does not outgrow what it counts.
set local role landing_writer;

alter table landing.loads add column loads integer not null default 1 check (loads > 0);
comment on column landing.loads.loads is
'How many loads this row counts: more than one where `landfall retention` has merged those before it, of the same day, into it.';

reset role;
