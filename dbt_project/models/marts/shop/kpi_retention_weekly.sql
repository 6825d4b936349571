with counted as (
    select
        case when cohort like '%first_visit' then 'first_visit' else 'first_order' end as cohort_type,
        cohort like 'human%' as is_of_people,
        cohort_week,
        weeks_since,
        visitors
    from {{ ref('int_retention__weekly') }}
),

newest as (
    select max({{ reporting_day('newest_event_at', counted_timezone(ref('int_audience__daily'))) }}) as event_date
    from {{ ref('int_product_events__newest') }}
),

cohorts as (
    select
        cohort_type,
        cohort_week,
        coalesce(sum(visitors) filter (where not is_of_people), 0)::bigint as cohort_visitors,
        coalesce(sum(visitors) filter (where is_of_people), 0)::bigint as human_cohort_visitors
    from counted
    where weeks_since = 0
    group by cohort_type, cohort_week
),

-- every week of a cohort up to the newest, also where nobody came
cells as (
    select
        cohorts.*,
        weeks.weeks_since,
        cohorts.cohort_week + 7 * weeks.weeks_since + 6 < newest.event_date as is_complete
    from cohorts
    cross join newest
    cross join lateral generate_series(
        0,
        least(
            {{ var('retention_weeks') }},
            greatest(0, coalesce(date_trunc('week', newest.event_date::timestamp)::date - cohorts.cohort_week, 0) / 7)
        )
    ) as weeks (weeks_since)
),

final as (
    select
        cells.cohort_type,
        cells.cohort_week,
        cells.weeks_since,
        cells.cohort_visitors,
        coalesce(back.visitors, 0) as visitors,
        coalesce(back.visitors, 0)::numeric / nullif(cells.cohort_visitors, 0) as share,
        cells.human_cohort_visitors,
        coalesce(human_back.visitors, 0) as human_visitors,
        coalesce(human_back.visitors, 0)::numeric / nullif(cells.human_cohort_visitors, 0) as human_share,
        coalesce(cells.is_complete, false) as is_complete
    from cells
    left join counted as back
        on
            cells.cohort_type = back.cohort_type
            and cells.cohort_week = back.cohort_week
            and cells.weeks_since = back.weeks_since
            and not back.is_of_people
    left join counted as human_back
        on
            cells.cohort_type = human_back.cohort_type
            and cells.cohort_week = human_back.cohort_week
            and cells.weeks_since = human_back.weeks_since
            and human_back.is_of_people
)

select * from final
