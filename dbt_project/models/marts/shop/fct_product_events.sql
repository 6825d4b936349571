-- One select and no CTE: only such a view does Postgres take apart, and find a few of its rows by their keys. Each left join
-- is by a unique key, so a query that does not ask for its columns does not pay for it. Columns that come later come last:
-- Postgres then replaces the view, and what stands upon it stays.
select
    -- ids
    events.event_key,
    events.event_id,
    events.product_key,
    events.product_id,
    events.device_key,
    {{ raw_id('events.device_id') }} as device_id,
    {{ raw_id('events.user_id') }} as user_id,
    events.email_key,
    events.ip_key,
    addresses.location_key,
    events.store_id,
    events.order_key,
    events.order_id,
    -- what happened
    events.event_type,
    known_types.event_type is not null as is_known_type,
    events.is_view,
    events.options,
    events.shows_recommendation,
    -- where
    events.host,
    events.country_code,
    events.country_name,
    events.is_production,
    -- from where
    coalesce({{ text_key(page_of_url('referrers.referrer_url')) }}, events.referrer_key) as referrer_key,
    events.referrer_host_key,
    {{ referrer_medium('events.referrer_key', 'referring_shops.host', 'referrer_hosts.medium') }} as referrer_medium,
    events.is_paid,
    -- by whom
    events.user_agent_key,
    events.resolution,
    events.is_bot,
    events.bot_reason,
    -- times
    events.event_at,
    events.kafka_timestamp,
    events.landed_at,
    -- quality and position
    events.is_from_future,
    events.bad_casts,
    events.load_id,
    events.topic_id,
    events.kafka_partition,
    events.kafka_offset,
    events.changed_load_id,
    -- the page, and what brought the visit
    events.page_key,
    events.utm_source,
    events.utm_medium,
    -- what was looked for, at and put into the cart
    {{ typed_text('events.key_search') }} as key_search,
    events.cat_id,
    events.collect_id,
    events.viewing_product_id,
    events.recommendation_product_id,
    events.price,
    -- as in fct_order_lines
    case
        when events.currency_text is not null
            then coalesce(currencies_of_countries.currency, currencies.currency, {{ unknown_currency() }})
    end as currency,
    events.is_paypal,
    events.cart_products,
    {{ user_key('events.user_id') }} as user_key
from {{ ref('int_product_events__with_rules') }} as events
left join {{ ref('event_types') }} as known_types on events.event_type = known_types.event_type
left join {{ source('enrichment', 'ip_address') }} as addresses on events.ip_key = addresses.ip_key
left join {{ ref('int_referrers') }} as referrers on events.referrer_key = referrers.referrer_key
left join {{ source('enrichment', 'referrer_host') }} as referrer_hosts
    on events.referrer_host_key = referrer_hosts.referrer_host_key
left join {{ ref('host_countries') }} as referring_shops on referrer_hosts.referrer_host = referring_shops.host
left join {{ ref('currencies') }} as currencies
    on
        {{ currency_text_key('events.currency_text') }} = currencies.currency_text
        and currencies.country_name = '(any)'
left join {{ ref('currencies') }} as currencies_of_countries
    on
        {{ currency_text_key('events.currency_text') }} = currencies_of_countries.currency_text
        and events.country_name = currencies_of_countries.country_name
