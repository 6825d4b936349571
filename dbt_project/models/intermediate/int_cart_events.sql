{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['event_key'],
    indexes=[{'columns': ['device_key', 'event_at']}],
    meta={
        'event_day': reporting_day('event_at'),
        'noted': [{'kind': 'device', 'key': 'device_key'}],
    },
) }}

with new_events as (
    select
        *,
        json_array_length({{ json_array('cart_products') }}) as lines
    from {{ ref('int_product_events__with_rules') }}
    where
        event_type in ('add_to_cart_action', 'view_shopping_cart', 'checkout')
        and device_id is not null
        and {{ new_loads('product_views') }}
),

found as (
    select
        new_events.*,
        case
            when new_events.event_type = 'add_to_cart_action' then 'add'
            when new_events.lines > 0 then 'look'
            when new_events.event_type = 'view_shopping_cart' and new_events.lines = 0 then 'empty'
        end as kind,
        steps.step_order,
        -- what the text means everywhere, unless it means another currency in the country's shops
        coalesce(currencies_of_countries.currency, currencies.currency, {{ unknown_currency() }}) as currency
    from new_events
    left join {{ ref('shop_funnel_steps') }} as steps on new_events.event_type = steps.event_type
    left join {{ ref('currencies') }} as currencies
        on
            {{ currency_text_key('new_events.currency_text') }} = currencies.currency_text
            and currencies.country_name = '(any)'
    left join {{ ref('currencies') }} as currencies_of_countries
        on
            {{ currency_text_key('new_events.currency_text') }} = currencies_of_countries.currency_text
            and new_events.country_name = currencies_of_countries.country_name
),

-- what says nothing of a cart, or is of no production shop, is a bucket without rows
final as (
    select
        event_key,
        case when is_production and kind is not null then device_key end as device_key,
        event_at,
        coalesce(step_order, 0) as step_order,
        kind,
        case when kind = 'add' then price end as price,
        case when kind = 'add' and price is not null then currency end as currency,
        country_name,
        is_bot
    from found
)

select * from final
