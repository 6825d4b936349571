{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start', 'product_key'],
    indexes=[{'columns': ['event_date', 'product_key', 'event_hour']}],
    meta={'event_day': 'event_date'},
) }}

{{ views_of_touched_windows('product_key', {
    'device_key': 'readable_views.device_key',
    'is_visitor': 'readable_views.device_id is not null',
    'is_bot': 'readable_views.is_bot',
}) }},

final as (
    select
        window_start,
        event_date,
        event_hour,
        product_key,
        device_key,
        bool_or(is_visitor) as is_visitor,
        count(is_bot) as views,
        count(*) filter (where not is_bot) as human_views
    from views
    group by 1, 2, 3, 4, 5
)

select * from final
