{{ config(tags=['cold'], incremental_strategy='add_up', unique_key=['kind', 'value'], meta={'added': ['events']}) }}

{{ counted_values('product_views', ref('int_product_events'), {
    'bad_cast': 'facts.bad_casts',
    'from_future': "case when facts.is_from_future then '(none)' end",
    'host': or_none('facts.host'),
    'event_type': or_none('facts.event_type'),
}) }}
