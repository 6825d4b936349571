-- A door is what records come in through (landing.writers); what starts dbt has a name of its own.
set local role transformer;

alter table ops.runs rename column door to started_by;
comment on column ops.runs.started_by is
    'What started dbt: watch, refresh, dagster, …, or dbt where it was typed by hand (LANDFALL_STARTED_BY).';

reset role;
