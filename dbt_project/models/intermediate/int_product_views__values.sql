{{ config(tags=['cold'], incremental_strategy='add_up', unique_key=['kind', 'value'], meta={'added': ['events']}) }}

{% set currencies_of_order %}
    select distinct {{ currency_on_host('facts.host', value_or_null("line.json ->> 'currency'")) }} as value
    from json_array_elements({{ json_array('facts.cart_products') }}) as line (json)
    where facts.order_key is not null
{% endset %}

{{ counted_values('product_views', ref('int_product_events'), {
    'bad_cast': 'facts.bad_casts',
    'from_future': "case when facts.is_from_future then '(none)' end",
    'host': or_none('facts.host'),
    'event_type': or_none('facts.event_type'),
    'currency': "case when facts.order_key is null and facts.currency_text is not null then "
        ~ currency_on_host('facts.host', 'facts.currency_text') ~ " end",
}, sets={'currency': currencies_of_order}) }}
