-- Each visitor is new once, in one day and one channel: the days and the channels add up to the visitors.
with visitors as (
    select
        count(*) as visitors,
        count(*) filter (where not is_bot) as human_visitors
    from {{ ref('dim_visitor') }}
),

days as (
    select
        coalesce(sum(new_visitors), 0) as visitors,
        coalesce(sum(human_new_visitors), 0) as human_visitors
    from {{ ref('kpi_visitors_daily') }}
),

channels as (
    select
        coalesce(sum(new_visitors), 0) as visitors,
        coalesce(sum(human_new_visitors), 0) as human_visitors
    from {{ ref('kpi_acquisition_daily') }}
)

select
    visitors.visitors,
    days.visitors as of_days,
    channels.visitors as of_channels
from visitors
cross join days
cross join channels
where
    (
        (visitors.visitors, visitors.human_visitors) is distinct from (days.visitors, days.human_visitors)
        or (visitors.visitors, visitors.human_visitors) is distinct from (channels.visitors, channels.human_visitors)
    )
    -- a login joins visitors of before, whose days stay as they were counted
    and not {{ something_is_let_go(['product_views']) }}
    and {{ are_as_far('product_views', [ref('int_audience__daily'), ref('int_visitors'), ref('int_visitor_sessions')]) }}
