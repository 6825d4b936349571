with lines as (
    select * from {{ ref('int_order_lines') }}
),

events as (
    select * from {{ ref('fct_product_events') }}
),

orders as (
    select * from {{ ref('int_orders') }}
),

-- the currency that a text means everywhere, unless it means another one in a country's shops
currencies as (
    select * from {{ ref('currencies') }}
    where country_name = '(any)'
),

currencies_of_countries as (
    select * from {{ ref('currencies') }}
),

final as (
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
        coalesce(currencies_of_countries.currency, currencies.currency, {{ unknown_currency() }}) as currency,
        -- as sent
        lines.price_text,
        lines.currency_text,
        -- an order that was reported twice counts by its earliest report
        orders.event_key is not null as is_counted,
        -- times
        events.event_at,
        events.kafka_timestamp,
        events.landed_at,
        lines.load_id
    from lines
    inner join events on lines.event_key = events.event_key
    left join orders on events.order_key = orders.order_key and events.event_key = orders.event_key
    left join currencies on {{ currency_text_key('lines.currency_text') }} = currencies.currency_text
    left join currencies_of_countries
        on
            {{ currency_text_key('lines.currency_text') }} = currencies_of_countries.currency_text
            and events.country_name = currencies_of_countries.country_name
)

select * from final
