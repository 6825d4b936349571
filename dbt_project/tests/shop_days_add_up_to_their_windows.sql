-- Views of a day, of people and of all, are those of its windows of five minutes, counted by product, by page before and by device.
with windows as (
    {% for by, relation in {
        'product': ref('int_product_viewers__5min'),
        'referrer': ref('int_referrer_views__5min'),
        'device': ref('int_product_devices__5min'),
    }.items() %}
        select
            '{{ by }}' as counted_by,
            event_date,
            sum(views) as views,
            sum(human_views) as human_views
        from {{ relation }}
        group by 2
        having sum(views) > 0
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

days as (
    select
        event_date,
        sum(views) as views,
        sum(human_views) as human_views
    from {{ ref('int_product_views__daily') }}
    group by 1
    having sum(views) > 0
),

ways as (
    select distinct counted_by from windows
),

expected as (
    select
        ways.counted_by,
        days.*
    from days
    cross join ways
)

select
    coalesce(expected.counted_by, windows.counted_by) as counted_by,
    coalesce(expected.event_date, windows.event_date) as event_date,
    expected.views,
    windows.views as window_views
from expected
full join windows on expected.counted_by = windows.counted_by and expected.event_date = windows.event_date
where
    (expected.views, expected.human_views) is distinct from (windows.views, windows.human_views)
    and {{ are_as_far('product_views', [
        ref('int_product_views__daily'),
        ref('int_product_viewers__5min'),
        ref('int_referrer_views__5min'),
        ref('int_product_devices__5min'),
    ]) }}
