with landed as (
    select * from {{ source('landing', 'product_views') }}
),

read as (
    select
        *,
        coalesce({{ landed('id') }}, {{ landed('_id') }}) as event_id,
        {{ landed('time_stamp') }} as time_stamp_text,
        {{ landed('collection') }} as event_type,
        {{ landed('show_recommendation') }} as show_recommendation_text,
        {{ landed('option') }} as option_text,
        {{ landed('cart_products') }} as cart_text,
        btrim({{ landed('price') }}) as price_text
    from landed
),

final as (
    select
        -- position
        load_id,
        topic_id,
        kafka_partition,
        kafka_offset,
        -- ids
        {{ text_key('event_id') }} as event_key,
        event_id,
        -- some event types name their product in another field
        coalesce(
            {{ landed('product_id') }},
            {{ landed('viewing_product_id') }},
            {{ landed('recommendation_product_id') }}
        ) as product_id,
        {{ landed('device_id') }} as device_id,
        {{ landed('user_id_db') }} as user_id,
        nullif(lower(btrim(coalesce({{ landed('email_address') }}, {{ landed('email') }}))), '') as email,
        {{ ip_address(landed('ip')) }} as ip_address,
        {{ landed('store_id') }} as store_id,
        {{ order_number(landed('order_id')) }} as order_id,
        -- texts
        event_type,
        {{ landed('current_url') }} as current_url,
        {{ landed('referrer_url') }} as referrer_url,
        {{ landed('user_agent') }} as user_agent,
        {{ landed('resolution') }} as resolution,
        {{ landed('currency') }} as currency_text,
        time_stamp_text,
        -- nested
        {{ chosen_options('option_text') }} as options,
        cart_text as cart_products,
        -- numbers and flags
        {{ read_price('price_text') }} as price,
        {{ is_campaign(landed('utm_source')) }} or {{ is_campaign(landed('utm_medium')) }} as is_paid,
        {{ leading_flag('show_recommendation_text') }} as shows_recommendation,
        -- times
        {{ epoch_time('time_stamp_text') }} as event_at,
        kafka_timestamp,
        landed_at,
        -- quality
        case
            when {{ is_set_apart('product_views') }} then 'set_apart'
            when event_id is null then 'missing_key'
            when {{ epoch_time('time_stamp_text') }} is null then 'bad_event_time'
        end as rejected_reason,
        nullif(
            concat_ws(
                ', ',
                {{ bad_casts({
                    'show_recommendation': leading_flag('show_recommendation_text'),
                    'option': is_json_array_or_object('option_text'),
                    'cart_products': json_array('cart_text'),
                    'price': read_price('price_text'),
                }) }},
                -- a checkout names its products without prices
                case
                    when event_type = 'checkout_success' and {{ has_readable_prices('cart_text') }} is null
                        then 'cart_products.price'
                end
            ),
            ''
        ) as bad_casts
    from read
)

select * from final
