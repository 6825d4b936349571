{{ config(incremental_strategy='add_up', unique_key=['kind', 'value'], meta={'added': ['events']}) }}

{{ counted_values('door_openings', ref('int_door_events'), {
    'bad_cast': 'facts.bad_casts',
    'from_future': "case when facts.is_from_future then '(none)' end",
}) }}
