{{ config(tags=['cold'], incremental_strategy='add_up', unique_key=['kind', 'value'], meta={'added': ['events']}) }}

{# What a text means as money depends on the shop: the host, a slash, which no host has but file://, and the text. #}
{% set currencies_of_order %}
    select distinct
        {{ or_none("replace(facts.host, '/', '')") }} || '/'
        || {{ or_none(currency_text_key(value_or_null("line.json ->> 'currency'"))) }} as value
    from json_array_elements({{ json_array('facts.cart_products') }}) as line (json)
    where facts.order_key is not null
{% endset %}

{{ counted_values('product_views', ref('int_product_events'), {
    'bad_cast': 'facts.bad_casts',
    'from_future': "case when facts.is_from_future then '(none)' end",
    'host': or_none('facts.host'),
    'event_type': or_none('facts.event_type'),
}, sets={'currency': currencies_of_order}) }}
