with alerts as (
    select
        check_name,
        subject,
        severity,
        message,
        advice,
        seen_since,
        last_seen_at
    from {{ source('results', 'alerts') }}
    where well_since is null
),

troubles as (
    select
        'held_up' as check_name,
        part as subject,
        case kind when 'passing' then 'warn' else 'error' end as severity,
        sentence as message,
        advice,
        since as seen_since,
        last_tried_at as last_seen_at
    from {{ source('results', 'troubles') }}
),

final as (
    select * from alerts
    union all
    select * from troubles
)

select * from final
