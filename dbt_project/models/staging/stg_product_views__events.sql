-- One select and no CTE: only such a view does Postgres take apart, and works out for each record what is asked of it.
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
    {{ landed('viewing_product_id') }} as viewing_product_id,
    {{ landed('recommendation_product_id') }} as recommendation_product_id,
    {{ landed('cat_id') }} as cat_id,
    {{ landed('collect_id') }} as collect_id,
    {{ landed('device_id') }} as device_id,
    {{ landed('user_id_db') }} as user_id,
    {{ valid_email("lower(btrim(coalesce(" ~ landed('email_address') ~ ", " ~ landed('email') ~ ")))") }} as email,
    {{ ip_address(landed('ip')) }} as ip_address,
    {{ landed('store_id') }} as store_id,
    {{ order_number(landed('order_id')) }} as order_id,
    {{ text_key(landed('current_url')) }} as page_key,
    -- texts
    event_type,
    {{ landed('current_url') }} as current_url,
    {{ landed('referrer_url') }} as referrer_url,
    {{ landed('user_agent') }} as user_agent,
    {{ landed('resolution') }} as resolution,
    {{ landed('currency') }} as currency_text,
    {{ landed('key_search') }} as key_search,
    {{ campaign_text('utm_source_text') }} as utm_source,
    {{ campaign_text('utm_medium_text') }} as utm_medium,
    time_stamp_text,
    -- nested
    {{ chosen_options('option_text') }} as options,
    cart_text as cart_products,
    -- numbers and flags
    {{ read_price('price_text') }} as price,
    {{ is_campaign('utm_source_text') }} or {{ is_campaign('utm_medium_text') }} as is_paid,
    {{ as_boolean('is_paypal_text') }} as is_paypal,
    {{ leading_flag('show_recommendation_text') }} as shows_recommendation,
    -- times
    event_at,
    kafka_timestamp,
    landed_at,
    -- quality
    case
        when is_set_apart then 'set_apart'
        when event_id is null then 'missing_key'
        when event_at is null then 'bad_event_time'
    end as rejected_reason,
    nullif(
        concat_ws(
            ', ',
            {{ bad_casts({
                'show_recommendation': leading_flag('show_recommendation_text'),
                'option': has_readable_options('option_text'),
                'cart_products': json_array('cart_text'),
                'price': read_price('price_text'),
                'utm_source': is_false_or_campaign('utm_source_text'),
                'utm_medium': is_false_or_campaign('utm_medium_text'),
                'is_paypal': as_boolean('is_paypal_text'),
            }) }},
            -- a checkout names its products without prices
            case
                when event_type = 'checkout_success' and {{ is_readable_in_each_line('cart_text', line_price) }} is null
                    then 'cart_products.price'
            end,
            case
                when event_type = 'checkout_success' and {{ is_readable_in_each_line('cart_text', line_amount) }} is null
                    then 'cart_products.amount'
            end
        ),
        ''
    ) as bad_casts
from (
    select
        texts.*,
        {{ worked_out_once(epoch_time('time_stamp_text')) }} as event_at
    from (
        select
            landed.*,
            apart.of_topic is not null as is_set_apart,
            coalesce({{ landed('id') }}, {{ landed('_id') }}) as event_id,
            {{ landed('time_stamp') }} as time_stamp_text,
            {{ landed('collection') }} as event_type,
            {{ landed('show_recommendation') }} as show_recommendation_text,
            {{ landed('option') }} as option_text,
            {{ landed('cart_products') }} as cart_text,
            btrim({{ landed('price') }}) as price_text,
            {{ landed('utm_source') }} as utm_source_text,
            {{ landed('utm_medium') }} as utm_medium_text,
            {{ landed('is_paypal') }} as is_paypal_text
        from {{ source('landing', 'product_views') }} as landed
        {{ join_set_apart('product_views', 'landed') }}
    ) as texts
) as read
