{{ config(tags=['cold'], incremental_strategy='insert_new') }}

{{ accounted_loads(
    'product_views',
    ref('stg_product_views__events'),
    ref('int_product_events'),
    ref('int_product_views__rejected'),
    compared=['event_at', 'event_type', 'product_id', 'device_id', 'store_id'],
) }}
