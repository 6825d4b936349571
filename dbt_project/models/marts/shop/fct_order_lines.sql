-- One select and no CTE: only such a view does Postgres take apart, and find a few of its rows by their keys.
select
    -- ids
    lines.event_key,
    lines.line_number,
    events.order_key,
    events.order_id,
    {{ text_key(or_none('lines.product_id')) }} as product_key,
    lines.product_id,
    events.store_id,
    events.device_key,
    -- where and by whom
    events.country_code,
    events.country_name,
    events.is_production,
    events.is_bot,
    -- numbers
    lines.amount,
    lines.price,
    lines.price * lines.amount as line_total,
    -- what the text means everywhere, unless it means another currency in the country's shops
    coalesce(currencies_of_countries.currency, currencies.currency, {{ unknown_currency() }}) as currency,
    -- as sent
    lines.amount_text,
    lines.price_text,
    lines.currency_text,
    -- an order that was reported twice counts by its earliest report
    orders.event_key is not null as is_counted,
    -- times
    events.event_at,
    events.kafka_timestamp,
    events.landed_at,
    lines.load_id
from {{ ref('int_order_lines') }} as lines
inner join {{ ref('int_product_events__with_rules') }} as events on lines.event_key = events.event_key
left join {{ ref('int_orders') }} as orders on events.order_key = orders.order_key and events.event_key = orders.event_key
left join {{ ref('currencies') }} as currencies
    on
        {{ currency_text_key('lines.currency_text') }} = currencies.currency_text
        and currencies.country_name = '(any)'
left join {{ ref('currencies') }} as currencies_of_countries
    on
        {{ currency_text_key('lines.currency_text') }} = currencies_of_countries.currency_text
        and events.country_name = currencies_of_countries.country_name
