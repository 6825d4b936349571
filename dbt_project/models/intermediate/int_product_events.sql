{{ config(
    incremental_strategy='insert_new',
    partition_by='event_at',
    indexes=[
        {'columns': ['changed_load_id']},
        {'columns': ['device_key', 'event_at']},
    ],
    meta={
        'changes': {
            'user_agent': 'user_agent_key',
            'ip': 'ip_key',
            'referrer_host': 'referrer_host_key',
            'device': 'device_key',
            'email': 'email_key',
        },
        'partial_indexes': [
            {'columns': [five_minutes('event_at'), 'product_key'], 'where': is_view('event_type')},
            {'columns': [five_minutes('event_at'), 'referrer_key'], 'where': is_view('event_type')},
            {'columns': [five_minutes('event_at'), 'user_agent_key'], 'where': is_view('event_type')},
            {'columns': ['order_key'], 'where': 'order_key is not null'},
        ],
    },
) }}

with staged as (
    select * from {{ ref('stg_product_views__events') }}
    where {{ new_landings('product_views') }} and rejected_reason is null
),

final as (
    -- long texts end here, before the sort
    select
        event_key,
        event_id,
        {{ text_key(or_none('product_id')) }} as product_key,
        product_id,
        {{ text_key(or_none('device_id')) }} as device_key,
        device_id,
        user_id,
        {{ salted_key('email') }} as email_key,
        {{ salted_key('ip_address') }} as ip_key,
        store_id,
        event_type,
        {{ url_host('current_url') }} as host,
        {{ text_key("coalesce(referrer_url, '')") }} as referrer_key,
        {{ text_key(url_host('referrer_url')) }} as referrer_host_key,
        {{ text_key(or_none('user_agent')) }} as user_agent_key,
        resolution,
        is_paid,
        shows_recommendation,
        options,
        case
            when event_type = 'checkout_success'
                then {{ order_key('event_key', 'store_id', 'order_id', 'cart_products') }}
        end as order_key,
        case when event_type = 'checkout_success' then order_id end as order_id,
        cart_products,
        event_at,
        kafka_timestamp,
        landed_at,
        {{ is_from_future() }} as is_from_future,
        bad_casts,
        page_key,
        utm_source,
        utm_medium,
        key_search,
        cat_id,
        collect_id,
        viewing_product_id,
        recommendation_product_id,
        price,
        currency_text,
        is_paypal,
        load_id,
        topic_id,
        kafka_partition,
        kafka_offset,
        load_id as changed_load_id
    from staged
)

select * from final
